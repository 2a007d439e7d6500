-- What may be claimed is found by these two indexes and no other, whatever the statistics say. After a quiet hour they say that
-- nothing is ever open: then `outbox_open`, read from end to end for each shard, seems to cost the same, and with 20,000 steps of a
-- campaign a claim took half a minute. A condition that only these indexes imply leaves the planner no such choice.
drop index outbox_ready_replies, outbox_ready_steps;
create index outbox_ready_replies on outbox (shard, id) where state || '' = 'pending' and class <> 'step';
create index outbox_ready_steps on outbox (shard, id) where state || '' = 'pending' and class = 'step';

-- As in 0018.
create or replace function outbox_claim(p_sender smallint, p_generation uuid, p_epoch int, p_shards smallint[], p_paused uuid[], p_per_integration int, p_limit int, p_lease_s float8)
returns table (id bigint, tenant_id uuid, conversation_id bigint, integration_id uuid, key text, class text, policy text, uncertain smallint,
               attempts smallint, body text) language plpgsql
set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off
set plan_cache_mode = force_custom_plan as $$
declare v_shards smallint[]; v_each int;
begin
  if not carrier_current('sender', p_sender, p_generation, p_epoch) then
    raise exception 'sender % generation % of epoch % does not own its shards', p_sender, p_generation, p_epoch using errcode = 'CB001';
  end if;
  perform set_config('app.scope', 'dispatch', true);
  select array_agg(r.s) into v_shards from (
    select s from unnest(p_shards) s
    where (select o.id from outbox o where o.shard = s and o.state || '' = 'pending' and o.class <> 'step' limit 1) is not null
       or (select o.id from outbox o where o.shard = s and o.state || '' = 'pending' and o.class = 'step' limit 1) is not null
    order by random() limit p_limit) r;
  if v_shards is null then return; end if;
  v_each := least(p_per_integration, greatest(2, 2 * p_limit / cardinality(v_shards)));
  return query
  with ready as (
    select r.* from unnest(v_shards) s cross join lateral (
      select o.id, false as step, o.integration_id from outbox o
      cross join lateral (select c.control from conversations c where c.id = o.conversation_id limit 1) c
      where o.shard = s and o.state || '' = 'pending' and o.class <> 'step' and o.due_at <= now() and o.integration_id <> all (p_paused)
        and (o.class = 'operator' or c.control <> 'human')
        and o.id = (select e.id from outbox e where e.conversation_id = o.conversation_id and e.state in ('pending', 'claimed', 'sending')
                    and not (e.state = 'pending' and e.class <> 'operator' and c.control = 'human') order by e.id limit 1)
        and (select g.status from integrations g where g.id = o.integration_id limit 1) = 'live'
      order by o.id limit v_each
    ) r
    union all
    select r.* from unnest(v_shards) s cross join lateral (
      select o.id, true as step, o.integration_id from outbox o
      cross join lateral (select c.control, c.key from conversations c where c.id = o.conversation_id limit 1) c
      where o.shard = s and o.state || '' = 'pending' and o.class = 'step' and o.due_at <= now() and o.integration_id <> all (p_paused)
        and c.control <> 'human'
        and o.id = (select e.id from outbox e where e.conversation_id = o.conversation_id and e.state in ('pending', 'claimed', 'sending')
                    order by e.id limit 1)
        and (select g.status from integrations g where g.id = o.integration_id limit 1) = 'live'
        and (select i.id from inbox i where i.integration_id = o.integration_id and i.key = c.key and i.state = 'pending' limit 1) is null
        and (o.enrollment_id is null or (select e.state from enrollments e where e.id = o.enrollment_id limit 1) = 'active')
      order by o.id limit v_each
    ) r
  ), picked as (
    select o.id from outbox o where o.state || '' = 'pending' and o.id in (
      select n.id from (select r.*, row_number() over (partition by r.integration_id order by r.step, r.id) as nth from ready r) n
      where n.nth <= p_per_integration order by n.step, n.id limit p_limit)
    for update skip locked
  ), claimed as (
    update outbox o set state = 'claimed', claimed_by = p_generation, claimed_at = clock_timestamp(), lease_until = clock_timestamp() + p_lease_s * interval '1 second'
    from picked where o.id = picked.id returning o.*
  )
  select o.id, o.tenant_id, o.conversation_id, o.integration_id, c.key, o.class, o.policy, o.uncertain, o.attempts, o.body::text
  from claimed o join conversations c on c.id = o.conversation_id order by o.class = 'step', o.id;
end $$;
