-- What is done in a CRM: never blindly twice. What a try may have done is looked for before it is done again.

alter table actions add column begun_at timestamptz;                    -- the first try; neither retries nor people reset it: from then on it may be there

-- Whose effects can be looked for (actors/ports/actions.py): an unknown outcome of theirs is a reason to look, not an end.
create function action_looks(p_family text) returns bool language sql immutable parallel safe as $$ select p_family = 'kommo' $$;

-- The lead and the contact that a conversation's earlier actions were about.
create index actions_crm on actions (conversation_id, id desc) where family = 'kommo' and state = 'done';

-- What is made once: whoever wants to make the lead of a contact, or the contact of a phone number, takes its row first. `made`
-- is what came of it. A holder that dies is followed by another one when no request of its can be on its way any more.
create table kommo_subjects (
  tenant_id uuid not null,
  integration_id uuid not null,
  subject text not null,                                                -- lead:contact:5, contact:phone:9991234567, contact:conversation:7
  holder bigint not null,                                               -- an action
  until timestamptz not null,
  made bigint,                                                          -- Kommo's id
  primary key (tenant_id, integration_id, subject),
  foreign key (tenant_id, integration_id) references integrations (tenant_id, id)
);
create index kommo_subjects_made on kommo_subjects (integration_id, made);
call protect_tenant_table('kommo_subjects');

drop function actions_claim(smallint, uuid, int, smallint[], uuid[], int, float8);
create function actions_claim(p_sender smallint, p_generation uuid, p_epoch int, p_shards smallint[], p_full uuid[], p_limit int, p_lease_s float8)
returns table (id bigint, tenant_id uuid, agent_id uuid, conversation_id bigint, turn_id uuid, seq smallint, kind text, params text,
               rule text, attempts smallint, begun_at timestamptz) language plpgsql
set enable_seqscan = off set enable_bitmapscan = off as $$
begin
  if not carrier_current('sender', p_sender, p_generation, p_epoch) then
    raise exception 'sender % generation % of epoch % does not own its shards', p_sender, p_generation, p_epoch using errcode = 'CB001';
  end if;
  perform set_config('app.scope', 'dispatch', true);
  return query
  with picked as (
    select a.id from actions a
    where a.state = 'pending' and a.due_at <= now() and a.shard = any (p_shards) and a.tenant_id <> all (p_full)
      and a.id = (select e.id from actions e where e.conversation_id = a.conversation_id and e.family = a.family
                  and e.state in ('pending', 'claimed', 'sending') order by e.id limit 1)
    order by a.due_at limit p_limit for update skip locked
  )
  update actions a set state = 'claimed', claimed_by = p_generation, lease_until = clock_timestamp() + p_lease_s * interval '1 second'
  from picked where a.id = picked.id
  returning a.id, a.tenant_id, a.agent_id, a.conversation_id, a.turn_id, a.seq, a.kind, a.params::text, a.rule, a.attempts, a.begun_at;
end $$;

create or replace function actions_begin(p_generation uuid, p_ids bigint[]) returns bigint[] language plpgsql
set enable_seqscan = off as $$
declare v_ids bigint[];
begin
  perform set_config('app.scope', 'dispatch', true);
  with begun as (
    update actions a set state = 'sending', attempts = a.attempts + 1, begun_at = coalesce(a.begun_at, clock_timestamp())
    where a.id = any (p_ids) and a.state = 'claimed' and a.claimed_by = p_generation and a.lease_until > clock_timestamp() returning a.id)
  select array_agg(b.id) into v_ids from begun b;
  return coalesce(v_ids, '{}');
end $$;

-- Leases that are over: what was claimed is free again; of what was being written nobody knows whether it arrived: it is looked
-- for by another try where that can be done, else that is its end.
create or replace function actions_expire() returns int language plpgsql set enable_seqscan = off as $$
declare v actions; v_rows int := 0;
begin
  perform set_config('app.scope', 'dispatch', true);
  for v in
    update actions a set
      state = case when a.state = 'claimed' or late.looks then 'pending' else 'unknown' end,
      error = case when a.state = 'sending' then 'the sender ended before the outcome was known' else a.error end,
      ended_at = case when a.state = 'sending' and not late.looks then clock_timestamp() end, claimed_by = null, lease_until = null
    from (select x.id, action_looks(x.family) and x.attempts < 12 as looks from actions x
          where x.state in ('claimed', 'sending') and x.lease_until < clock_timestamp()
          order by x.id limit 100 for update skip locked) late
    where a.id = late.id returning a.*
  loop
    v_rows := v_rows + 1;
    perform action_told(v);
  end loop;
  return v_rows;
end $$;

-- Say that a change of ours to a lead or a contact will be heard of: its webhook, which may be faster than the answer, wakes no
-- rule. The version rises, so that no turn is decided without knowing.
create function kommo_expect(p_tenant uuid, p_integration uuid, p_key text, p_kind text, p_partition smallint, p_echo jsonb)
returns void language plpgsql set enable_seqscan = off as $$
begin
  insert into conversations (tenant_id, integration_id, kind, key, partition)
  values (p_tenant, p_integration, p_kind, p_key, p_partition) on conflict (integration_id, key) do nothing;
  update conversations c set version = c.version + 1, state = jsonb_set(c.state, '{echoes}', (
    select jsonb_agg(e.echo order by e.n) from (
      select x.echo, x.n from jsonb_array_elements(
        coalesce(c.state -> 'echoes', '[]') || (p_echo || jsonb_build_object('at', extract(epoch from clock_timestamp())))
      ) with ordinality x (echo, n) order by x.n desc limit 20) e))
  where c.integration_id = p_integration and c.key = p_key;
end $$;

do $$
declare f regprocedure;
begin
  for f in select p.oid::regprocedure from pg_proc p where p.pronamespace = 'public'::regnamespace
           and p.proname in ('actions_claim', 'actions_begin', 'actions_expire', 'action_looks', 'kommo_expect') loop
    execute format('revoke all on function %s from public', f);
    execute format('grant execute on function %s to callboard_engine', f);
  end loop;
end $$;
