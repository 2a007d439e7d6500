-- The line a message takes, as statements. What makes the promise true is in here; code only calls it.
-- Each function is one round trip. In READ COMMITTED every statement inside a volatile function sees a new snapshot.

-- Ingest: one statement for all requests that arrived together. Ids are drawn in arrival order, keys inserted in key
-- order (two gateways with the same duplicates deadlock otherwise). Returns, per row, its id and whether it was new.
create function inbox_ingest(p_tenants uuid[], p_integrations uuid[], p_keys text[], p_partitions smallint[],
                             p_kinds text[], p_dedupe text[], p_raws bytea[])
returns table (ord bigint, inbox_id bigint, fresh bool) language plpgsql as $$
begin
  perform pg_current_xact_id();                                         -- before the first id is drawn: inbox_raise_floor counts on it
  perform set_config('app.tenants', (select array_agg(distinct t)::text from unnest(p_tenants) t), true);
  return query
  with drawn as materialized (
    select nextval('inbox_id_seq') as id, u.*
    from unnest(p_tenants, p_integrations, p_keys, p_partitions, p_kinds, p_dedupe, p_raws)
         with ordinality as u (tenant_id, integration_id, key, partition, kind, dedupe_key, raw, ord)
  ), first_of as (
    select distinct on (d.dedupe_key) d.* from drawn d order by d.dedupe_key, d.id
  ), taken as (
    insert into inbox_keys as k (dedupe_key, inbox_id)
    select f.dedupe_key, f.id from first_of f order by f.dedupe_key
    on conflict do nothing returning k.dedupe_key, k.inbox_id
  ), stored as (
    insert into inbox as i (id, tenant_id, integration_id, key, partition, kind, raw)
    select f.id, f.tenant_id, f.integration_id, f.key, f.partition, f.kind, f.raw
    from first_of f join taken t on t.inbox_id = f.id order by f.id
    returning i.id
  )
  select d.ord, coalesce(t.inbox_id, d.id), t.inbox_id is not null and t.inbox_id = d.id
  from drawn d left join taken t on t.dedupe_key = d.dedupe_key order by d.ord;
end $$;

-- Carrier: take a part (host i of N, sender j of M) for a new generation. Older generations find nothing from now on.
create function carrier_take(p_kind text, p_part smallint, p_generation uuid, p_epoch int, p_pid int)
returns bool language sql as $$
  insert into carriers (kind, part, generation, epoch, pid)
  select p_kind, p_part, p_generation, p_epoch, p_pid from placement where epoch = p_epoch
  on conflict (kind, part) do update
    set generation = excluded.generation, epoch = excluded.epoch, pid = excluded.pid, taken_at = now(), beat_at = now(), status = '{}'
  returning true
$$;

create function carrier_current(p_kind text, p_part smallint, p_generation uuid, p_epoch int)
returns bool language sql stable as $$
  select exists (select from placement pl join carriers c on c.epoch = pl.epoch
                 where pl.epoch = p_epoch and c.kind = p_kind and c.part = p_part and c.generation = p_generation)
$$;

-- Raise the floors, at most every 2 s. Ids become visible out of order, so "the oldest pending row I see" is no floor: a
-- transaction that drew a lower id may still be running. A mark (last id drawn, then the next transaction id) is taken;
-- once no transaction older than the mark runs, every id up to it is visible, and what is not pending below it never will be.
create function inbox_raise_floor() returns void language plpgsql as $$
declare v_mark inbox_mark; v_last bigint;
begin
  perform set_config('app.scope', 'dispatch', true);                    -- without it no row is seen, and floors rise over pending ones
  select m.* into v_mark from inbox_mark m
  where m.at < now() - interval '2 seconds' and m.next_xid <= pg_snapshot_xmin(pg_current_snapshot()) for update skip locked;
  if not found then return; end if;
  update inbox_floor f set id = least(n.id, v_mark.last_id)
  from (select g.partition, coalesce((select i.id - 1 from inbox i where i.state = 'pending' and i.partition = g.partition and i.id > g.id
                                      order by i.id limit 1), v_mark.last_id) as id from inbox_floor g) n
  where f.partition = n.partition and least(n.id, v_mark.last_id) > f.id + 64;
  select s.last_value into v_last from inbox_id_seq s;
  update inbox_mark set at = now(), last_id = v_last, next_xid = pg_snapshot_xmax(pg_current_snapshot());  -- a newer snapshot than the id
end $$;

-- Pull: the oldest pending rows of each partition this host owns and does not have in hand, written down as a batch
-- in the same statement. `id <> all(in hand)` per partition: a plain ORDER BY id LIMIT starves new customers behind
-- waiting ones. At most 50 rows of one integration (the host stops at 100 in hand); timers take at most half. Raises if the generation is not current.
create function inbox_pull(p_host smallint, p_generation uuid, p_epoch int, p_partitions smallint[], p_in_hand bigint[],
                           p_full_integrations uuid[], p_full_addresses text[], p_limit int)
returns table (batch_id bigint, id bigint, tenant_id uuid, integration_id uuid, key text, partition smallint, kind text,
               raw bytea, received_at timestamptz, age_s float8, attempts smallint) language plpgsql
-- A plan made once takes 9.5 ms behind a million handled rows, one made for these partitions 2.8.
set plan_cache_mode = auto as $$
declare v_batch bigint; v_ids bigint[];
begin
  if not carrier_current('host', p_host, p_generation, p_epoch) then
    raise exception 'host % generation % of epoch % does not own its partitions', p_host, p_generation, p_epoch using errcode = 'CB001';
  end if;
  perform inbox_raise_floor();
  perform set_config('app.scope', 'dispatch', true);
  select array_agg(x.id) into v_ids from (
    select r.id from (
      select c.*, row_number() over (partition by c.integration_id order by c.id) as nth,
             row_number() over (partition by c.kind = 'timer' order by c.id) as nth_of_kind
      from inbox_floor f cross join lateral (
        select i.id, i.integration_id, i.kind from inbox i
        where i.state = 'pending' and i.partition = f.partition and i.id > f.id and i.id <> all (p_in_hand)
          and i.integration_id <> all (p_full_integrations)
          and i.integration_id || ':' || i.key <> all (p_full_addresses)
        order by i.id limit 8
      ) c
      where f.partition = any (p_partitions)
    ) r
    where r.nth <= 50 and (r.kind <> 'timer' or r.nth_of_kind <= p_limit / 2)
    order by r.id limit p_limit
  ) x;
  if v_ids is null then return; end if;
  insert into batches (host, generation, inbox_ids) values (p_host, p_generation, v_ids) returning batches.id into v_batch;
  return query select v_batch, i.id, i.tenant_id, i.integration_id, i.key, i.partition, i.kind, i.raw, i.received_at,
                      extract(epoch from clock_timestamp() - i.received_at)::float8, i.attempts
               from inbox i where i.id = any (v_ids) order by i.id;
end $$;

-- What dead generations had in hand of these partitions and did not finish: suspects, to be tried alone. They move
-- from the dead batches into one batch of the new generation, so that a second death finds them again. A batch may hold
-- rows that another host owns since the number of hosts changed; those stay for that host.
create function inbox_suspects(p_host smallint, p_generation uuid, p_epoch int, p_partitions smallint[]) returns bigint[] language plpgsql as $$
declare v_ids bigint[]; v_dead bigint[];
begin
  if not carrier_current('host', p_host, p_generation, p_epoch) then
    raise exception 'host % generation % of epoch % does not own its partitions', p_host, p_generation, p_epoch using errcode = 'CB001';
  end if;
  perform set_config('app.scope', 'dispatch', true);
  perform pg_advisory_xact_lock(hashtext('inbox_suspects'));
  select array_agg(b.id) into v_dead from batches b
  where not exists (select from carriers c where c.kind = 'host' and c.part = b.host and c.generation = b.generation and c.epoch = p_epoch);
  if v_dead is null then return '{}'; end if;
  select coalesce(array_agg(distinct i.id order by i.id), '{}') into v_ids
  from batches b cross join lateral unnest(b.inbox_ids) u (id) join inbox i on i.id = u.id
  where b.id = any (v_dead) and i.state = 'pending' and i.partition = any (p_partitions);
  update batches b set inbox_ids = array(
    select i.id from unnest(b.inbox_ids) u (id) join inbox i on i.id = u.id where i.state = 'pending' and i.id <> all (v_ids))
  where b.id = any (v_dead);
  delete from batches b where b.id = any (v_dead) and b.inbox_ids = '{}';
  if v_ids <> '{}' then
    insert into batches (host, generation, inbox_ids) values (p_host, p_generation, v_ids);
  end if;
  return v_ids;
end $$;

-- A try alone is counted before it is made. Returns the row, or nothing if it is no longer pending, or if an older input
-- of its conversation is: then it is pulled in order with that one and, should the host die again, both are suspects.
create function inbox_try(p_id bigint)
returns table (id bigint, tenant_id uuid, integration_id uuid, key text, partition smallint, kind text, raw bytea,
               received_at timestamptz, age_s float8, attempts smallint) language plpgsql as $$
begin
  perform set_config('app.scope', 'dispatch', true);
  return query update inbox i set attempts = i.attempts + 1 where i.id = p_id and i.state = 'pending'
      and not exists (select from inbox o where o.integration_id = i.integration_id and o.key = i.key and o.state = 'pending' and o.id < i.id)
    returning i.id, i.tenant_id, i.integration_id, i.key, i.partition, i.kind, i.raw, i.received_at,
              extract(epoch from clock_timestamp() - i.received_at)::float8, i.attempts;
end $$;

-- Activation: the conversation row exists before its first turn.
create function conversations_activate(p_tenants uuid[], p_integrations uuid[], p_keys text[], p_kinds text[], p_partitions smallint[])
returns table (id bigint, tenant_id uuid, integration_id uuid, key text, partition smallint, version int, control text, state text,
               agent_id uuid, channel text, account text, reply_policy text, shard smallint) language plpgsql as $$
begin
  perform set_config('app.tenants', (select array_agg(distinct t)::text from unnest(p_tenants) t), true);
  insert into conversations (tenant_id, integration_id, key, kind, partition)
  select u.* from unnest(p_tenants, p_integrations, p_keys, p_kinds, p_partitions) u (tenant_id, integration_id, key, kind, partition)
  order by u.integration_id, u.key on conflict do nothing;
  return query
  select c.id, c.tenant_id, c.integration_id, c.key, c.partition, c.version, c.control, c.state::text,
         g.agent_id, g.channel, g.account, g.reply_policy, g.shard
  from unnest(p_integrations, p_keys) u (integration_id, key)
  cross join lateral (select x.* from conversations x where x.integration_id = u.integration_id and x.key = u.key limit 1) c
  join integrations g on g.id = c.integration_id;
end $$;

-- Commit of many turns. Order matters: (1) lock the conversations in id order, (2) in a NEW statement see which inputs
-- are still pending, (3) winners = version as expected and all inputs pending; everything is written for winners only.
-- Arrays ending in `_turn` hold the 1-based index of the turn a row belongs to. Returns the 1-based indexes of the winners.
create function turns_commit(
  p_tenants uuid[], p_conversations bigint[], p_expected int[], p_turns uuid[], p_states jsonb[], p_controls text[], p_traces bytea[],
  p_in_turn int[], p_in_ids bigint[], p_in_states text[], p_in_reasons text[],
  p_msg_turn int[], p_msg_seq smallint[], p_msg_inbox bigint[], p_msg_role text[], p_msg_body text[], p_msg_mode text[], p_msg_sources jsonb[], p_msg_external text[],
  p_out_turn int[], p_out_seq smallint[], p_out_class text[], p_out_policy text[], p_out_body jsonb[],
  p_tim_turn int[], p_tim_kind text[], p_tim_delay_s float8[], p_tim_payload jsonb[],
  p_act_turn int[], p_act_kind text[], p_act_agent uuid[], p_act_data jsonb[],
  p_finished_batches bigint[])
returns int[] language plpgsql as $$
declare v_won int[]; v_lost int[]; v_ids bigint[];
begin
  perform set_config('app.tenants', (select array_agg(distinct t)::text from unnest(p_tenants) t), true);
  perform from conversations c where c.id = any (p_conversations) order by c.id for update;
  select array_agg(distinct r.turn) into v_lost from unnest(p_in_turn, p_in_ids) r (turn, id)
  where r.id not in (select i.id from inbox i where i.id = any (p_in_ids) and i.state = 'pending');
  select array_agg(t.n order by t.n) into v_won
  from conversations c cross join lateral (select array_position(p_conversations, c.id) as n) i
  cross join lateral (select i.n, p_expected[i.n] as expected) t
  where t.n <> all (coalesce(v_lost, '{}')) and c.version = t.expected and c.id = any (p_conversations);
  delete from batches b where b.id = any (p_finished_batches);
  if v_won is null then return '{}'; end if;

  -- No joins with arrays here: a planner that takes the tables for empty compares every row with every element.
  v_ids := array(select p_conversations[w.n] from unnest(v_won) w (n));
  update conversations c set version = c.version + 1, last_at = now(), (state, control) = (
    select p_states[t.n], coalesce(p_controls[t.n], c.control) from (select array_position(p_conversations, c.id) as n) t)
  where c.id = any (v_ids);
  v_ids := array(select r.id from unnest(p_in_turn, p_in_ids) r (turn, id) where r.turn = any (v_won));
  update inbox i set (state, reason, turn_id) = (
    select p_in_states[r.n], p_in_reasons[r.n], p_turns[p_in_turn[r.n]] from (select array_position(p_in_ids, i.id) as n) r)
  where i.id = any (v_ids);
  insert into messages (tenant_id, conversation_id, version, turn_id, seq, inbox_id, role, body, mode, sources, external_id)
  select p_tenants[r.turn], p_conversations[r.turn], p_expected[r.turn] + 1, p_turns[r.turn], r.seq, r.inbox, r.role, r.body, r.mode, r.sources, r.external
  from unnest(p_msg_turn, p_msg_seq, p_msg_inbox, p_msg_role, p_msg_body, p_msg_mode, p_msg_sources, p_msg_external)
       with ordinality r (turn, seq, inbox, role, body, mode, sources, external, n)
  where r.turn = any (v_won) order by r.n;
  insert into outbox (tenant_id, conversation_id, integration_id, shard, turn_id, seq, class, policy, body)
  select p_tenants[r.turn], c.id, c.integration_id, g.shard, p_turns[r.turn], r.seq, r.class, r.policy, r.body
  from unnest(p_out_turn, p_out_seq, p_out_class, p_out_policy, p_out_body) with ordinality r (turn, seq, class, policy, body, n)
  cross join lateral (select x.id, x.integration_id from conversations x where x.id = p_conversations[r.turn] limit 1) c
  cross join lateral (select y.shard from integrations y where y.id = c.integration_id limit 1) g
  where r.turn = any (v_won) order by r.n;
  insert into timers (tenant_id, conversation_id, kind, due_at, payload)
  select p_tenants[r.turn], p_conversations[r.turn], r.kind, now() + r.delay_s * interval '1 second', r.payload
  from unnest(p_tim_turn, p_tim_kind, p_tim_delay_s, p_tim_payload) r (turn, kind, delay_s, payload) where r.turn = any (v_won)
  on conflict (conversation_id, kind) do update set due_at = excluded.due_at, payload = excluded.payload;
  insert into traces (turn_id, tenant_id, conversation_id, body)
  select p_turns[t.n], p_tenants[t.n], p_conversations[t.n], t.body
  from unnest(p_traces) with ordinality t (body, n) where t.n = any (v_won);
  insert into activity_logs (tenant_id, kind, agent_id, conversation_id, turn_id, data)
  select p_tenants[r.turn], r.kind, r.agent_id, p_conversations[r.turn], p_turns[r.turn], r.data
  from unnest(p_act_turn, p_act_kind, p_act_agent, p_act_data) r (turn, kind, agent_id, data) where r.turn = any (v_won);
  return v_won;
end $$;

-- Control of a conversation: takeover (human), give back (bot). Committed at once, not queued behind the mailbox:
-- the version rises, so a turn in progress loses; the bot's unsent rows are withdrawn in the same transaction.
create function conversation_control(p_tenant uuid, p_conversation bigint, p_control text, p_by text)
returns table (version int, control text, withdrawn int) language plpgsql as $$
declare v_version int; v_withdrawn int := 0; v_was text;
begin
  select c.control into v_was from conversations c where c.id = p_conversation and c.tenant_id = p_tenant for update;
  if not found then return; end if;
  update conversations c set version = c.version + 1, control = p_control, last_at = now()
    where c.id = p_conversation returning c.version into v_version;
  -- At give back as well: what was on the wire at the takeover and came back for a retry is stale by now.
  if 'human' in (p_control, v_was) then
    update outbox o set state = 'withdrawn', error = 'a person took the conversation over', claimed_by = null, lease_until = null
    where o.conversation_id = p_conversation and o.state in ('pending', 'claimed') and o.class <> 'operator';
    get diagnostics v_withdrawn = row_count;
  end if;
  if v_was <> p_control then
    insert into activity_logs (tenant_id, kind, conversation_id, data)
    values (p_tenant, case when p_control = 'human' then 'conversation.taken' else 'conversation.given_back' end, p_conversation,
            jsonb_build_object('by', p_by, 'was', v_was, 'withdrawn', v_withdrawn));
  end if;
  return query select v_version, p_control, v_withdrawn;
end $$;

-- An operator's answer: takes the conversation over if nobody has, then is sent like any other row.
create function operator_reply(p_tenant uuid, p_conversation bigint, p_turn uuid, p_text text, p_by text)
returns table (message_id bigint, version int) language plpgsql as $$
declare v_version int; v_message bigint;
begin
  select k.version into v_version from conversation_control(p_tenant, p_conversation, 'human', p_by) k;
  if v_version is null then return; end if;
  insert into messages (tenant_id, conversation_id, version, turn_id, seq, role, body, mode)
  values (p_tenant, p_conversation, v_version, p_turn, 0, 'operator', p_text, 'operator') returning id into v_message;
  insert into outbox (tenant_id, conversation_id, integration_id, shard, turn_id, seq, class, policy, body)
  select p_tenant, c.id, g.id, g.shard, p_turn, 0, 'operator', g.reply_policy, jsonb_build_object('text', p_text)
  from conversations c join integrations g on g.id = c.integration_id where c.id = p_conversation and g.channel <> 'test';
  return query select v_message, v_version;
end $$;

-- Delivery: claim the oldest open row of each conversation. A reply is not claimed while a person has the conversation;
-- a step not while the conversation has unanswered input, either. Replies go before steps. A bot's row that came back for
-- a retry while a person has the conversation does not stand in the way of the person's answers; give back withdraws it.
create function outbox_claim(p_sender smallint, p_generation uuid, p_epoch int, p_shards smallint[], p_paused uuid[], p_per_integration int, p_limit int, p_lease_s float8)
returns table (id bigint, tenant_id uuid, conversation_id bigint, integration_id uuid, key text, class text, policy text, uncertain smallint,
               attempts smallint, body text) language plpgsql
-- Index lookups only, in (shard, id) order until the limit: with statistics of an emptier table the planner sorts the
-- whole backlog instead (measured with 20,000 rows waiting: 270 ms instead of 6). Hence the sub-selects with LIMIT, too.
set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off
-- The limits must be known to the planner (56 ms a claim otherwise); everything else of the line runs on plans made once.
set plan_cache_mode = force_custom_plan as $$
declare v_shards smallint[]; v_each int;
begin
  if not carrier_current('sender', p_sender, p_generation, p_epoch) then
    raise exception 'sender % generation % of epoch % does not own its shards', p_sender, p_generation, p_epoch using errcode = 'CB001';
  end if;
  perform set_config('app.scope', 'dispatch', true);
  -- About twice the limit is looked at, spread over shards that have something, drawn by chance if they are many: with 200
  -- busy bots, looking at p_per_integration rows of each took 90 ms a claim.
  select array_agg(r.s) into v_shards from (
    select s from unnest(p_shards) s
    where (select o.id from outbox o where o.shard = s and o.state = 'pending' and o.class <> 'step' limit 1) is not null
       or (select o.id from outbox o where o.shard = s and o.state = 'pending' and o.class = 'step' limit 1) is not null
    order by random() limit p_limit) r;
  if v_shards is null then return; end if;
  v_each := least(p_per_integration, greatest(2, 2 * p_limit / cardinality(v_shards)));
  return query
  with ready as (
    select r.* from unnest(v_shards) s cross join lateral (
      select o.id, false as step, o.integration_id from outbox o
      cross join lateral (select c.control from conversations c where c.id = o.conversation_id limit 1) c
      where o.shard = s and o.state = 'pending' and o.class <> 'step' and o.due_at <= now() and o.integration_id <> all (p_paused)
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
      where o.shard = s and o.state = 'pending' and o.class = 'step' and o.due_at <= now() and o.integration_id <> all (p_paused)
        and c.control <> 'human'
        and o.id = (select e.id from outbox e where e.conversation_id = o.conversation_id and e.state in ('pending', 'claimed', 'sending')
                    order by e.id limit 1)
        and (select g.status from integrations g where g.id = o.integration_id limit 1) = 'live'
        and (select i.id from inbox i where i.integration_id = o.integration_id and i.key = c.key and i.state = 'pending' limit 1) is null
      order by o.id limit v_each
    ) r
  ), picked as (
    select o.id from outbox o where o.state = 'pending' and o.id in (
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

-- Committed just before the bytes. Returns the ids that may be written to the wire now.
create function outbox_begin(p_generation uuid, p_ids bigint[]) returns bigint[] language plpgsql as $$
declare v_ids bigint[];
begin
  perform set_config('app.scope', 'dispatch', true);
  with begun as (
    update outbox o set state = 'sending', attempts = o.attempts + 1
    where o.id = any (p_ids) and o.state = 'claimed' and o.claimed_by = p_generation and o.lease_until > clock_timestamp() returning o.id)
  select array_agg(b.id) into v_ids from begun b;
  return coalesce(v_ids, '{}');
end $$;

-- An outcome that cannot be known is counted for ever; `repeat_once` sends a second time, never a third.
create function outbox_finish(p_generation uuid, p_ids bigint[], p_outcomes text[], p_errors text[], p_provider_ids text[], p_delays_s float8[])
returns int language plpgsql as $$
declare v_rows int;
begin
  perform set_config('app.scope', 'dispatch', true);
  if p_outcomes && array['failed', 'unknown'] then  -- these are told to people, in the same transaction
    perform set_config('app.tenants', (select array_agg(distinct o.tenant_id)::text from outbox o where o.id = any (p_ids)), true);
  end if;
  with done as (
    update outbox o set
      state = case f.outcome when 'sent' then 'sent' when 'failed' then 'failed' when 'retry' then 'pending'
                             when 'unknown' then case when o.policy = 'repeat_once' and o.uncertain = 0 then 'pending' else 'unknown' end end,
      uncertain = o.uncertain + (f.outcome = 'unknown')::int,
      error = coalesce(f.error, o.error), provider_message_id = coalesce(f.provider_id, o.provider_message_id),
      due_at = case when f.outcome in ('retry', 'unknown') then now() + f.delay_s * interval '1 second' else o.due_at end,
      sent_at = case when f.outcome = 'sent' then clock_timestamp() end,
      claimed_by = null, lease_until = null
    from unnest(p_ids, p_outcomes, p_errors, p_provider_ids, p_delays_s) f (id, outcome, error, provider_id, delay_s)
    where o.id = any (p_ids) and o.id = f.id and o.claimed_by = p_generation
      and (o.state = 'sending' or (o.state = 'claimed' and f.outcome = 'retry'))
    returning o.id, o.tenant_id, o.conversation_id, o.turn_id, o.state, o.error, o.uncertain, f.outcome
  ), told as (
    insert into activity_logs (tenant_id, kind, conversation_id, turn_id, data)
    select d.tenant_id, 'delivery.' || d.outcome, d.conversation_id, d.turn_id,
           jsonb_build_object('outbox_id', d.id, 'state', d.state, 'error', d.error, 'uncertain', d.uncertain)
    from done d where d.outcome in ('failed', 'unknown')
  )
  select count(*) into v_rows from done;
  return v_rows;
end $$;

-- Rows claimed by an older generation of this sender go back at once: nothing of theirs was on the wire, and
-- outbox_begin refuses the old generation. Rows it was sending wait for their lease (outbox_expire).
create function outbox_reclaim(p_generation uuid, p_shards smallint[]) returns int language plpgsql as $$
declare v_rows int;
begin
  perform set_config('app.scope', 'dispatch', true);
  update outbox o set state = 'pending', claimed_by = null, lease_until = null
  where o.state = 'claimed' and o.lease_until is not null and o.shard = any (p_shards) and o.claimed_by <> p_generation;
  get diagnostics v_rows = row_count;
  return v_rows;
end $$;

create function outbox_expire() returns table (state text, n bigint) language plpgsql as $$
declare v_tenants text;
begin
  perform set_config('app.scope', 'dispatch', true);
  select array_agg(distinct o.tenant_id)::text into v_tenants from outbox o where o.state = 'sending' and o.lease_until < clock_timestamp();
  perform set_config('app.tenants', coalesce(v_tenants, ''), true);
  return query with expired as (
    update outbox o set
      state = case when o.state = 'claimed' or (o.policy = 'repeat_once' and o.uncertain = 0) then 'pending' else 'unknown' end,
      uncertain = o.uncertain + (o.state = 'sending')::int,
      error = case when o.state = 'sending' then 'the sender ended before the outcome was known' else o.error end,
      claimed_by = null, lease_until = null
    from (select x.id, x.state as was from outbox x where x.state in ('claimed', 'sending') and x.lease_until < clock_timestamp()
            and (x.state = 'claimed' or x.tenant_id = any (app_tenants())) order by x.id for update skip locked) late
    where o.id = late.id returning o.id, o.tenant_id, o.conversation_id, o.turn_id, o.state, o.error, o.uncertain, late.was
  ), told as (
    insert into activity_logs (tenant_id, kind, conversation_id, turn_id, data)
    select e.tenant_id, 'delivery.unknown', e.conversation_id, e.turn_id,
           jsonb_build_object('outbox_id', e.id, 'state', e.state, 'error', e.error, 'uncertain', e.uncertain)
    from expired e where e.was = 'sending'
  )
  select e.state, count(*) from expired e group by 1;
end $$;

-- Due timers become inbox rows, each once: the row and the timer's end are one transaction.
create function timers_fire(p_limit int) returns int language plpgsql as $$
declare v_rows int; v_tenants text; v_ids bigint[];
begin
  perform set_config('app.scope', 'dispatch', true);
  select array_agg(t.id), array_agg(distinct t.tenant_id)::text into v_ids, v_tenants from (
    select x.id, x.tenant_id from timers x where x.due_at <= now() order by x.due_at limit p_limit for update skip locked) t;
  if v_ids is null then return 0; end if;
  perform set_config('app.tenants', v_tenants, true);
  with due as (
    delete from timers t where t.id = any (v_ids) returning t.*
  ), stored as (
    insert into inbox (id, tenant_id, integration_id, key, partition, kind, raw)
    select nextval('inbox_id_seq'), d.tenant_id, c.integration_id, c.key, c.partition, 'timer',
           convert_to(jsonb_build_object('kind', d.kind, 'payload', d.payload)::text, 'UTF8')
    from due d join conversations c on c.id = d.conversation_id returning 1
  )
  select count(*) into v_rows from stored;
  return v_rows;
end $$;

do $$
declare f regprocedure;
begin
  for f in select p.oid::regprocedure from pg_proc p where p.pronamespace = 'public'::regnamespace loop
    execute format('revoke all on function %s from public', f);
    execute format('grant execute on function %s to callboard_engine', f);
  end loop;
end $$;
grant execute on function app_tenant(), app_tenants(), app_dispatch(), conversation_control(uuid, bigint, text, text),
  operator_reply(uuid, bigint, uuid, text, text) to callboard_api;

-- In a new database the planner knows nothing until autovacuum has been by (a minute or more), and plans made then are kept
-- by their sessions: whole tables were read for batches of 200 rows (finish 9-13 ms instead of 2.5). Every access of the line
-- goes through an index, so say so; `= any (ids)` gives the index its condition. (Not force_custom_plan: it
-- would replan every foreign key check, too.)
do $$
declare f regprocedure;
begin
  for f in select p.oid::regprocedure from pg_proc p where p.pronamespace = 'public'::regnamespace
           and p.proname in ('inbox_pull', 'inbox_raise_floor', 'inbox_suspects', 'inbox_try', 'conversations_activate', 'turns_commit',
                             'outbox_begin', 'outbox_finish', 'outbox_reclaim', 'outbox_expire', 'timers_fire') loop
    execute format('alter function %s set enable_seqscan = off', f);
    execute format('alter function %s set enable_bitmapscan = off', f);
  end loop;
end $$;
