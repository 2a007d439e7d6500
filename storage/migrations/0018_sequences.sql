-- Sequences of an agent's draft, and enrollments: a conversation's own run of one, with the time of its next step.

create table sequences (
  id uuid primary key,
  tenant_id uuid not null,
  agent_id uuid not null,
  definition jsonb not null,                                            -- actors/domain/sequences/models.py
  key text not null generated always as (definition ->> 'id') stored,   -- how rules, traces and activity name it
  enabled bool not null generated always as (coalesce((definition ->> 'enabled')::bool, true)) stored,
  position bigint generated always as identity,
  version int not null default 1,
  paused_at timestamptz,                                                -- nothing of it is sent until it is resumed
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  changed_by text not null default '',
  deleted_at timestamptz,
  unique (tenant_id, id),
  unique (agent_id, key),
  foreign key (tenant_id, agent_id) references agents (tenant_id, id)
);
create index sequences_agent on sequences (agent_id, position);
call protect_tenant_table('sequences');

-- What enrollments run: the definition as it was when they began. Equal ones are one row.
create table sequence_copies (
  id bigint generated always as identity primary key,
  tenant_id uuid not null,
  agent_id uuid not null,
  hash bytea not null,                                                  -- sha256 of the definition as PostgreSQL writes it
  definition jsonb not null,
  created_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique (agent_id, hash),
  foreign key (tenant_id, agent_id) references agents (tenant_id, id)
);
call protect_tenant_table('sequence_copies');

-- One row per conversation and sequence. `serial` rises with every change; the conversation's state holds the same number, so
-- that a step which was due before the change is recognised and does nothing (actors/domain/sequenced.py).
create table enrollments (
  id bigint generated always as identity primary key,
  tenant_id uuid not null,
  agent_id uuid not null,
  conversation_id bigint not null,
  key text not null,
  copy_id bigint not null,
  serial int not null,
  run int not null default 1,                                           -- how often this conversation was enrolled
  state text not null check (state in ('active', 'paused', 'finished', 'stopped')),
  step int not null default 0,                                          -- the one that is carried out at next_at
  next_at timestamptz,                                                  -- null: it is being carried out now, or the run has ended
  fired_at timestamptz,                                                 -- when the last step was handed to a host
  reason text not null default '',                                      -- why it ended
  goal bool not null default false,
  started_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  ended_at timestamptz,
  unique (tenant_id, id),
  unique (conversation_id, key),
  foreign key (tenant_id, conversation_id) references conversations (tenant_id, id),
  foreign key (tenant_id, agent_id) references agents (tenant_id, id),
  foreign key (tenant_id, copy_id) references sequence_copies (tenant_id, id)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
create index enrollments_due on enrollments (next_at) where state = 'active';
create index enrollments_flying on enrollments (fired_at) where next_at is null and state in ('active', 'paused');
create index enrollments_of on enrollments (agent_id, key, state, id);
call protect_tenant_table('enrollments');
create policy dispatch_select on enrollments for select to callboard_engine using ((select app_dispatch()));
create policy dispatch_update on enrollments for update to callboard_engine using ((select app_dispatch()));

alter table outbox
  add column enrollment_id bigint,
  add column enrollment_step int,
  add column crossed bool not null default false,                       -- the customer wrote while it was on its way
  add foreign key (tenant_id, enrollment_id) references enrollments (tenant_id, id);
create index outbox_steps on outbox (enrollment_id) where enrollment_id is not null;

-- Withdraws what is queued of these enrollments; those that are paused go back to it, and say it when they are resumed.
create function enrollments_withhold(p_ids bigint[], p_reason text) returns int language plpgsql
set enable_seqscan = off set enable_bitmapscan = off as $$
declare v_rows int;
begin
  with gone as (
    update outbox o set state = 'withdrawn', error = p_reason, claimed_by = null, lease_until = null
    where o.enrollment_id = any (p_ids) and o.state in ('pending', 'claimed') returning o.enrollment_id, o.enrollment_step
  ), first_of as (
    select g.enrollment_id, min(g.enrollment_step) as step, count(*) as n from gone g group by g.enrollment_id
  ), back as (
    update enrollments e set step = f.step, next_at = now() from first_of f where e.id = f.enrollment_id and e.state = 'paused'
  )
  select coalesce(sum(f.n), 0) into v_rows from first_of f;
  return v_rows;
end $$;

-- However an enrollment ends, what is not on the wire yet is not sent.
create function enrollment_ended() returns trigger language plpgsql as $$
begin
  perform enrollments_withhold(array[new.id], 'the sequence ended: ' || coalesce(nullif(new.reason, ''), 'restarted'));
  return null;
end $$;
create trigger enrollment_ended after update of state, run on enrollments for each row
  when (old.state in ('active', 'paused') and (new.state in ('finished', 'stopped') or new.run <> old.run)) execute function enrollment_ended();

-- A step that was refused for now, while its enrollment ended or was paused, is not tried again.
create function step_came_back() returns trigger language plpgsql as $$
declare v_state text;
begin
  select e.state into v_state from enrollments e where e.id = new.enrollment_id;
  if v_state is distinct from 'active' then
    new.state := 'withdrawn';
    new.error := 'the sequence ' || case v_state when 'paused' then 'is paused' else 'ended' end;
    update enrollments e set step = new.enrollment_step, next_at = now() where e.id = new.enrollment_id and e.state = 'paused';
  end if;
  return new;
end $$;
create trigger step_came_back before update of state on outbox for each row
  when (old.state = 'sending' and new.state = 'pending' and new.enrollment_id is not null) execute function step_came_back();

-- Where a step came back in the very moment in which its enrollment ended or was paused, neither saw the other: it would stand
-- in the way of what is said after it.
create function steps_sweep() returns int language plpgsql set enable_seqscan = off set enable_bitmapscan = off as $$
declare v_ids bigint[];
begin
  perform set_config('app.scope', 'dispatch', true);
  v_ids := array(select distinct e.id from outbox o join enrollments e on e.id = o.enrollment_id
                 where o.state = 'pending' and o.class = 'step' and e.state <> 'active' limit 1000);
  return enrollments_withhold(v_ids, 'the sequence is paused or ended');
end $$;

-- People have the conversation now: what is to stop then stops in the same transaction, whoever moved it. A turn that hands
-- off has said so in the state it writes.
create function enrollments_handed_off() returns trigger language plpgsql as $$
declare v_key text; v_serial int;
begin
  for v_key, v_serial in
    select x.key, (x.value ->> 'serial')::int + 1 from jsonb_each(new.state -> 'enrolled') x
    where not x.value ? 'ended' and x.value -> 'on' ? 'handed_off'
  loop
    new.state := jsonb_set(new.state, array['enrolled', v_key],
      new.state -> 'enrolled' -> v_key || jsonb_build_object('serial', v_serial, 'ended', extract(epoch from now())::bigint));
    update enrollments e set state = 'stopped', reason = 'handed_off', serial = v_serial, next_at = null, ended_at = now(), changed_at = now()
    where e.conversation_id = new.id and e.key = v_key and e.state in ('active', 'paused');
    insert into activity_logs (tenant_id, kind, conversation_id, data)
    values (new.tenant_id, 'sequence.stopped', new.id, jsonb_build_object('sequence', v_key, 'reason', 'handed_off'));
  end loop;
  return new;
end $$;
create trigger enrollments_handed_off before update of control on conversations for each row
  when (old.control = 'bot' and new.control <> 'bot' and new.state ? 'enrolled') execute function enrollments_handed_off();

-- The conversations, of those given, to which a customer wrote something that the turn does not know of: a step must not be
-- queued before it. Called ahead of turns_commit, in its transaction; locks in the same order.
create function steps_overtaken(p_conversations bigint[], p_speaking bigint[], p_inputs bigint[]) returns bigint[] language plpgsql
set enable_seqscan = off set enable_bitmapscan = off as $$
begin
  perform from conversations c where c.id = any (p_conversations) order by c.id for update;
  return array(
    select c.id from conversations c
    where c.id = any (p_speaking) and exists (
      select from inbox i where i.integration_id = c.integration_id and i.key = c.key and i.state = 'pending' and i.kind = 'message'
        and i.id <> all (p_inputs))
      -- What is tried alone after a host's death is not sent back: it would count as a death of its own. The claim still asks.
      and not exists (select from inbox t where t.id = any (p_inputs) and t.integration_id = c.integration_id and t.key = c.key and t.attempts > 0));
end $$;

create function sequence_copy(p_tenant uuid, p_agent uuid, p_definition jsonb) returns bigint language plpgsql as $$
declare v_hash bytea := sha256(convert_to(p_definition::text, 'UTF8')); v_id bigint;
begin
  select c.id into v_id from sequence_copies c where c.agent_id = p_agent and c.hash = v_hash;
  if v_id is null then
    insert into sequence_copies (tenant_id, agent_id, hash, definition) values (p_tenant, p_agent, v_hash, p_definition)
    on conflict (agent_id, hash) do update set hash = excluded.hash returning id into v_id;
  end if;
  return v_id;
end $$;

-- What turns do to enrollments, in the transaction of turns_commit and for its winners only:
-- [{"turn", "tenant", "agent", "conversation", "heard": seconds since 1970 or null, "said": [{"seq", "sequence", "step"}],
--   "changes": [{"key", "serial", "state", "step", "next_at", "reason", "goal", "copy"}]}]
-- Changes that move on or end, of many turns, are one statement each; a start is one of its own.
create function turns_sequences(p_turns jsonb) returns void language plpgsql
set enable_seqscan = off set enable_bitmapscan = off as $$
declare t jsonb; v_quiet bigint[];
begin
  for t in
    select x.turn || jsonb_build_object('change', c.change) from jsonb_array_elements(p_turns) x (turn)
    cross join lateral jsonb_array_elements(x.turn -> 'changes') c (change) where c.change -> 'copy' <> 'null'
  loop
    insert into enrollments (tenant_id, agent_id, conversation_id, key, copy_id, serial, state, step, next_at)
    select (t ->> 'tenant')::uuid, (t ->> 'agent')::uuid, (t ->> 'conversation')::bigint, t -> 'change' ->> 'key',
           sequence_copy((t ->> 'tenant')::uuid, (t ->> 'agent')::uuid, t -> 'change' -> 'copy'), (t -> 'change' ->> 'serial')::int,
           case when exists (select from sequences s where s.agent_id = (t ->> 'agent')::uuid and s.key = t -> 'change' ->> 'key'
                             and s.paused_at is not null) then 'paused' else 'active' end, 0, now()
    on conflict (conversation_id, key) do update set agent_id = excluded.agent_id, copy_id = excluded.copy_id, serial = excluded.serial,
      run = enrollments.run + 1, state = excluded.state, step = 0, next_at = now(), reason = '', goal = false, started_at = now(),
      changed_at = now(), ended_at = null;
  end loop;
  -- Several changes of one enrollment in one turn are told in their order; the last one counts.
  update enrollments e set
    serial = c.serial, state = case when c.state = 'active' then e.state else c.state end, step = coalesce(c.step, e.step), next_at = c.next_at,
    reason = c.reason, goal = c.goal, changed_at = now(), ended_at = case when c.state <> 'active' then now() end
  from (
    select distinct on (x.conversation, y.change ->> 'key') x.conversation, y.change ->> 'key' as key, (y.change ->> 'serial')::int as serial,
           y.change ->> 'state' as state, (y.change ->> 'step')::int as step, (y.change ->> 'next_at')::timestamptz as next_at,
           y.change ->> 'reason' as reason, (y.change ->> 'goal')::bool as goal
    from jsonb_array_elements(p_turns) r (turn) cross join lateral (select (r.turn ->> 'conversation')::bigint as conversation) x
    cross join lateral jsonb_array_elements(r.turn -> 'changes') with ordinality y (change, n)
    where y.change -> 'copy' = 'null' order by 1, 2, y.n desc) c
  where e.conversation_id = c.conversation and e.key = c.key and e.state in ('active', 'paused') and e.serial < c.serial;
  -- The customer wrote while a step was on its way.
  with crossed as (
  update outbox o set crossed = true
  from jsonb_array_elements(p_turns) r (turn) cross join lateral jsonb_array_elements(r.turn -> 'changes') y (change)
  join enrollments e on e.conversation_id = (r.turn ->> 'conversation')::bigint and e.key = y.change ->> 'key'
  where y.change ->> 'reason' in ('replied', 'goal') and r.turn ->> 'heard' is not null and o.enrollment_id = e.id and not o.crossed
    and (o.state = 'sending' or (o.state in ('sent', 'unknown')
         and coalesce(o.sent_at, o.claimed_at + interval '1 minute') > to_timestamp((r.turn ->> 'heard')::float8)))
  returning o.tenant_id, o.conversation_id, o.turn_id, o.id, e.agent_id, e.key, o.enrollment_step
  )
  insert into activity_logs (tenant_id, kind, agent_id, conversation_id, turn_id, data)
  select c.tenant_id, 'sequence.crossed', c.agent_id, c.conversation_id, c.turn_id,
         jsonb_build_object('sequence', c.key, 'step', c.enrollment_step + 1, 'outbox_id', c.id) from crossed c;
  update outbox o set enrollment_id = e.id, enrollment_step = (s.said ->> 'step')::int
  from jsonb_array_elements(p_turns) r (turn) cross join lateral jsonb_array_elements(r.turn -> 'said') s (said)
  join enrollments e on e.conversation_id = (r.turn ->> 'conversation')::bigint and e.key = s.said ->> 'sequence'
  where o.turn_id = (r.turn ->> 'turn')::uuid and o.seq = (s.said ->> 'seq')::smallint;
  -- Paused or ended while the turn was decided, or by the turn itself.
  select array_agg(distinct e.id) into v_quiet
  from jsonb_array_elements(p_turns) r (turn) cross join lateral jsonb_array_elements(r.turn -> 'said') s (said)
  join enrollments e on e.conversation_id = (r.turn ->> 'conversation')::bigint and e.key = s.said ->> 'sequence' and e.state <> 'active';
  if v_quiet is not null then perform enrollments_withhold(v_quiet, 'the sequence is paused or ended'); end if;
end $$;

-- Due enrollments become inbox rows, each once: `next_at` is taken and the row is written in one transaction. The row carries
-- the steps, so that the turn needs nothing else. At most p_flying are with hosts at a time: thousands that are due at once wait
-- here and not in the inbox, where customers would wait behind them. -1: some are due, and there is no room.
create function enrollments_fire(p_limit int, p_flying int) returns int language plpgsql
set enable_seqscan = off set enable_bitmapscan = off as $$
declare v_rows int; v_tenants text; v_ids bigint[];
begin
  perform set_config('app.scope', 'dispatch', true);
  if not exists (select from enrollments e where e.state = 'active' and e.next_at <= now()) then return 0; end if;
  select p_flying - count(*) into v_rows from (
    select from enrollments e where e.next_at is null and e.state in ('active', 'paused') and e.fired_at > now() - interval '2 minutes'
    limit p_flying) f;
  if v_rows = 0 then return -1; end if;
  select array_agg(d.id), array_agg(distinct d.tenant_id)::text into v_ids, v_tenants from (
    select e.id, e.tenant_id from enrollments e where e.state = 'active' and e.next_at <= now()
    order by e.next_at limit least(p_limit, v_rows) for update skip locked) d;
  if v_ids is null then return 0; end if;
  perform set_config('app.tenants', v_tenants, true);
  with stored as (
    insert into inbox (id, tenant_id, integration_id, key, partition, kind, raw)
    select nextval('inbox_id_seq'), e.tenant_id, c.integration_id, c.key, c.partition, 'timer',
           convert_to(jsonb_build_object('kind', 'sequence', 'payload', jsonb_build_object(
             'key', e.key, 'serial', e.serial, 'step', e.step, 'due', extract(epoch from e.next_at),
             'copy', (select p.definition::text from sequence_copies p where p.id = e.copy_id)))::text, 'UTF8')
    from enrollments e join conversations c on c.id = e.conversation_id where e.id = any (v_ids) returning 1
  )
  select count(*) into v_rows from stored;
  update enrollments e set next_at = null, fired_at = clock_timestamp() where e.id = any (v_ids);
  return v_rows;
end $$;

-- Stop, skip or begin anew by hand: the conversation's version rises, so that a turn in progress loses, and its state tells
-- the next ones. `p_copy`: for a start, the definition to run. Returns nothing if there is no such run in a fitting state.
create function enrollment_control(p_tenant uuid, p_agent uuid, p_conversation bigint, p_key text, p_do text, p_copy jsonb, p_on jsonb, p_by text)
returns setof bigint language plpgsql as $$
declare e enrollments; v_state jsonb; v_serial int; v_agent uuid;
begin
  select c.state, g.agent_id into v_state, v_agent from conversations c join integrations g on g.id = c.integration_id
  where c.id = p_conversation and c.tenant_id = p_tenant and c.kind = 'chat' for update of c;
  if not found or v_agent <> p_agent then return; end if;
  select x.* into e from enrollments x where x.conversation_id = p_conversation and x.key = p_key for update;
  v_serial := greatest(coalesce(e.serial, 0), coalesce((v_state -> 'enrolled' -> p_key ->> 'serial')::int, 0)) + 1;
  if p_do = 'start' then
    insert into enrollments as x (tenant_id, agent_id, conversation_id, key, copy_id, serial, state, next_at)
    values (p_tenant, p_agent, p_conversation, p_key, sequence_copy(p_tenant, p_agent, p_copy), v_serial,
            case when exists (select from sequences s where s.agent_id = p_agent and s.key = p_key and s.paused_at is not null) then 'paused' else 'active' end, now())
    on conflict (conversation_id, key) do update set agent_id = excluded.agent_id, copy_id = excluded.copy_id, serial = excluded.serial,
      run = x.run + 1, state = excluded.state, step = 0, next_at = now(), reason = '', goal = false, started_at = now(), changed_at = now(),
      ended_at = null
    returning x.* into e;
    v_state := v_state || jsonb_build_object('enrolled', coalesce(v_state -> 'enrolled', '{}') || jsonb_build_object(p_key,
      jsonb_build_object('serial', v_serial, 'on', p_on)));
    insert into activity_logs (tenant_id, kind, agent_id, conversation_id, data)
    values (p_tenant, 'sequence.started', p_agent, p_conversation, jsonb_build_object('sequence', p_key, 'by', p_by));
  elsif e.id is null or e.state not in ('active', 'paused') then
    return;
  elsif p_do = 'stop' then
    update enrollments x set state = 'stopped', reason = 'by_hand', serial = v_serial, next_at = null, ended_at = now(), changed_at = now()
    where x.id = e.id;
    v_state := jsonb_set(v_state, array['enrolled', p_key], coalesce(v_state -> 'enrolled' -> p_key, '{}')
      || jsonb_build_object('serial', v_serial, 'ended', extract(epoch from now())::bigint));
    insert into activity_logs (tenant_id, kind, agent_id, conversation_id, data)
    values (p_tenant, 'sequence.stopped', p_agent, p_conversation, jsonb_build_object('sequence', p_key, 'reason', 'by_hand', 'by', p_by));
  elsif p_do = 'skip' then
    if e.next_at is null then return; end if;
    update enrollments x set step = x.step + 1, serial = v_serial, changed_at = now() where x.id = e.id;
    v_state := jsonb_set(v_state, array['enrolled', p_key, 'serial'], to_jsonb(v_serial));
    insert into activity_logs (tenant_id, kind, agent_id, conversation_id, data)
    values (p_tenant, 'sequence.step', p_agent, p_conversation,
            jsonb_build_object('sequence', p_key, 'step', e.step + 1, 'done', 'skipped', 'by', p_by));
  end if;
  update conversations c set state = v_state, version = c.version + 1 where c.id = p_conversation;
  return next e.id;
end $$;

-- As in 0003; a step besides needs an enrollment that runs.
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
        and (o.enrollment_id is null or (select e.state from enrollments e where e.id = o.enrollment_id limit 1) = 'active')
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

do $$
declare f regprocedure;
begin
  for f in select p.oid::regprocedure from pg_proc p where p.pronamespace = 'public'::regnamespace
           and p.proname in ('enrollments_withhold', 'steps_sweep', 'enrollment_ended', 'step_came_back', 'enrollments_handed_off', 'steps_overtaken', 'sequence_copy',
                             'turns_sequences', 'enrollments_fire', 'enrollment_control') loop
    execute format('revoke all on function %s from public', f);
    execute format('grant execute on function %s to callboard_engine', f);
  end loop;
end $$;
grant execute on function enrollments_withhold(bigint[], text), enrollment_ended(), step_came_back(), enrollments_handed_off(),
  sequence_copy(uuid, uuid, jsonb), enrollment_control(uuid, uuid, bigint, text, text, jsonb, jsonb, text) to callboard_api;
