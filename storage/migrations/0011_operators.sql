-- Operators in Telegram, handoffs that somebody must take, and the stop button.

-- Who holds a conversation is known by user, where it was taken by one: their Telegram gets what the customer writes.
alter table conversations add column held_by uuid;
alter table tenants add column stopped_at timestamptz, add column stopped_by text;
alter table agents add column stopped_at timestamptz, add column stopped_by text;
-- Follows from both, for every channel but the test chat: whoever looks for the fault must be able to try.
alter table integrations add column silent bool not null default false;
create index integrations_silent on integrations (id) where silent;

-- A code that makes the chat it is sent from an operator's.
create table operator_codes (
  user_id uuid primary key,                                             -- a newer code takes the place of the older one
  tenant_id uuid not null,
  code_hash bytea not null unique check (length(code_hash) = 32),
  expires_at timestamptz not null,
  unique (tenant_id, user_id),
  foreign key (tenant_id, user_id) references users (tenant_id, id)
);
create table operator_chats (
  user_id uuid primary key,
  tenant_id uuid not null,
  conversation_id bigint not null unique,                               -- `state.operator` of it says the same to the host
  available bool not null default true,
  linked_at timestamptz not null default now(),
  asked_at timestamptz not null default '-infinity',                    -- whoever was asked longest ago is next
  unique (tenant_id, user_id),
  foreign key (tenant_id, user_id) references users (tenant_id, id),
  foreign key (tenant_id, conversation_id) references conversations (tenant_id, id)
);
create index operator_chats_tenant on operator_chats (tenant_id, asked_at);
-- Wrong codes, per chat.
create table operator_tries (
  conversation_id bigint primary key,
  tenant_id uuid not null,
  tries int not null,
  began_at timestamptz not null default now(),
  unique (tenant_id, conversation_id),
  foreign key (tenant_id, conversation_id) references conversations (tenant_id, id)
);

-- A conversation that waits for a person, or an input nobody could handle: one open row a conversation. `next_at` is when
-- the next operator is asked; infinity: nobody is left.
create table handoffs (
  id bigint generated always as identity primary key,
  tenant_id uuid not null,
  conversation_id bigint not null,
  kind text not null check (kind in ('handoff', 'dead_letter')),
  opened_at timestamptz not null default now(),
  next_at timestamptz not null default now(),
  asked int not null default 0,
  asked_user uuid,                                                      -- the last one
  overdue int not null default 0,                                       -- how often the limit passed
  closed_at timestamptz,
  unique (tenant_id, id),
  foreign key (tenant_id, conversation_id) references conversations (tenant_id, id)
);
create unique index handoffs_open on handoffs (conversation_id) where closed_at is null;
create index handoffs_due on handoffs (next_at) where closed_at is null;
create table handoff_asks (
  handoff_id bigint not null,
  user_id uuid not null,
  tenant_id uuid not null,
  asked_at timestamptz not null default now(),
  primary key (handoff_id, user_id),
  foreign key (tenant_id, handoff_id) references handoffs (tenant_id, id),
  foreign key (tenant_id, user_id) references users (tenant_id, id)
);

do $$
declare t regclass;
begin
  foreach t in array array['operator_codes', 'operator_chats', 'operator_tries', 'handoffs', 'handoff_asks']::regclass[] loop
    call protect_tenant_table(t);
  end loop;
end $$;
-- The scheduler finds what is due before it knows the tenant; housekeeping sees codes that are over.
create policy dispatch on handoffs for select to callboard_engine using ((select app_dispatch()));
create policy dispatch_select on operator_codes for select to callboard_engine using ((select app_dispatch()) and expires_at < now());
create policy dispatch_delete on operator_codes for delete to callboard_engine using ((select app_dispatch()) and expires_at < now());
create policy dispatch_select on operator_tries for select to callboard_engine using ((select app_dispatch()) and began_at < now() - interval '1 day');
create policy dispatch_delete on operator_tries for delete to callboard_engine using ((select app_dispatch()) and began_at < now() - interval '1 day');

-- Whatever makes a conversation wait (a turn, a dead letter, a rule, a stop) opens a handoff in its own transaction; whatever
-- ends the waiting closes it. `app.operator` is set by who acts as a user.
create function conversation_passed() returns trigger language plpgsql as $$
begin
  new.held_by := case when new.control <> 'human' then null
                      else coalesce(nullif(current_setting('app.operator', true), '')::uuid, case when old.control = 'human' then old.held_by end) end;
  if new.control = 'waiting' and old.control <> 'waiting' then
    insert into handoffs (tenant_id, conversation_id, kind)
    select new.tenant_id, new.id, 'handoff' from integrations g where g.id = new.integration_id and g.channel <> 'test'
    on conflict do nothing;
  elsif new.control <> old.control then
    update handoffs h set closed_at = now() where h.conversation_id = new.id and h.closed_at is null;
  end if;
  return new;
end $$;
create trigger conversation_passed before update of control on conversations for each row
  when (old.control <> new.control or new.control = 'human') execute function conversation_passed();

create function message_died() returns trigger language plpgsql as $$
begin
  insert into handoffs (tenant_id, conversation_id, kind)
  select c.tenant_id, c.id, 'dead_letter' from conversations c join integrations g on g.id = c.integration_id
  where c.id = new.conversation_id and g.channel <> 'test' and not exists (select from operator_chats o where o.conversation_id = c.id)
  on conflict do nothing;
  return null;
end $$;
create trigger message_died after insert on activity_logs for each row
  when (new.kind = 'message.dead' and new.conversation_id is not null) execute function message_died();

-- The stop button. Stops of one bucket of tenants exclude commits of it, without waiting on the commit's side: a commit that
-- meets a stop under way takes the bot for stopped.
create function stop_bucket(p_tenant uuid) returns int language sql immutable return hashtext(p_tenant::text) & 63;

-- The conversations, of those given, where the bot must not speak now.
create function bots_stopped(p_tenants uuid[], p_conversations bigint[]) returns bigint[] language plpgsql as $$
declare v_busy int[];
begin
  select array_agg(b.bucket) filter (where not b.free) into v_busy from (
    select t.bucket, pg_try_advisory_xact_lock_shared(4011, t.bucket) as free
    from (select distinct stop_bucket(u.tenant) as bucket from unnest(p_tenants) u (tenant)) t) b;
  if v_busy is null and not exists (select from integrations g where g.silent) then return '{}'; end if;
  return coalesce((select array_agg(u.id) from unnest(p_tenants, p_conversations) u (tenant, id)
    where stop_bucket(u.tenant) = any (coalesce(v_busy, '{}'))
       or (select g.silent from conversations c join integrations g on g.id = c.integration_id where c.id = u.id limit 1)), '{}');
end $$;

-- Withdraws what the bot would still say in these integrations, and hands its customers to operators.
create function bots_withdraw(p_integrations uuid[]) returns int language plpgsql
set enable_seqscan = off set enable_bitmapscan = off as $$
declare v_shards smallint[]; v_rows int; v_conversations bigint[];
begin
  v_shards := array(select distinct g.shard from integrations g where g.id = any (p_integrations));
  with waiting as (
    select o.id from outbox o where o.shard = any (v_shards) and o.state = 'pending' and o.class <> 'step' and o.class <> 'operator' and o.integration_id = any (p_integrations)
    union all
    select o.id from outbox o where o.shard = any (v_shards) and o.state = 'pending' and o.class = 'step' and o.integration_id = any (p_integrations)
    union all
    select o.id from outbox o where o.lease_until is not null and o.state = 'claimed' and o.class <> 'operator' and o.integration_id = any (p_integrations)
  ), gone as (
    update outbox o set state = 'withdrawn', error = 'the bot was stopped', claimed_by = null, lease_until = null
    where o.id in (select w.id from waiting w) and o.state in ('pending', 'claimed') returning o.conversation_id, o.class
  )
  select count(*), array_agg(distinct g.conversation_id) filter (where g.class = 'reply') into v_rows, v_conversations from gone g;
  if v_conversations is not null then
    perform from conversations c where c.id = any (v_conversations) order by c.id for update;
    update conversations c set control = 'waiting', version = c.version + 1 where c.id = any (v_conversations) and c.control = 'bot';
  end if;
  return v_rows;
end $$;

-- Stop or resume a tenant (p_agent null) or one agent. Returns whether anything changed, and how many rows will not be sent.
create function bots_stop(p_tenant uuid, p_agent uuid, p_stop bool, p_by text)
returns table (changed bool, withdrawn int) language plpgsql as $$
declare v_ids uuid[]; v_rows int := 0;
begin
  perform pg_advisory_xact_lock(4011, stop_bucket(p_tenant));
  if p_agent is null then
    update tenants t set stopped_at = case when p_stop then now() end, stopped_by = case when p_stop then p_by end
      where t.id = p_tenant and (t.stopped_at is not null) <> p_stop;
  else
    update agents a set stopped_at = case when p_stop then now() end, stopped_by = case when p_stop then p_by end
      where a.id = p_agent and a.tenant_id = p_tenant and (a.stopped_at is not null) <> p_stop;
  end if;
  if not found then return query select false, 0; return; end if;
  v_ids := array(select g.id from integrations g where g.tenant_id = p_tenant and (p_agent is null or g.agent_id = p_agent) order by g.id for update);
  v_rows := bots_withdraw(array(select g.id from integrations g where g.id = any (v_ids) and (p_stop or g.silent)));
  update integrations g set silent = g.channel <> 'test' and exists (
      select from tenants t join agents a on a.tenant_id = t.id where t.id = g.tenant_id and a.id = g.agent_id
      and (t.stopped_at is not null or a.stopped_at is not null))
    where g.id = any (v_ids);
  insert into activity_logs (tenant_id, kind, agent_id, data)
  values (p_tenant, case when p_stop then 'bot.stopped' else 'bot.resumed' end, p_agent, jsonb_build_object('by', p_by, 'withdrawn', v_rows));
  return query select true, v_rows;
end $$;

-- A new endpoint of a stopped bot is born silent.
create function integration_silent() returns trigger language plpgsql as $$
begin
  perform pg_advisory_xact_lock_shared(4011, stop_bucket(new.tenant_id));
  new.silent := new.channel <> 'test' and exists (
    select from tenants t join agents a on a.tenant_id = t.id where t.id = new.tenant_id and a.id = new.agent_id
    and (t.stopped_at is not null or a.stopped_at is not null));
  return new;
end $$;
create trigger integration_silent before insert or update of agent_id on integrations for each row execute function integration_silent();

-- What came back for a retry after the stop, or was claimed in the same moment, is not begun; bots_sweep withdraws it.
create function outbox_silent() returns trigger language plpgsql as $$
begin
  if exists (select from integrations g where g.id = new.integration_id and g.silent) then return null; end if;
  return new;
end $$;
create trigger outbox_silent before update of state on outbox for each row
  when (old.state = 'claimed' and new.state = 'sending' and new.class <> 'operator') execute function outbox_silent();

create function bots_sweep() returns int language plpgsql as $$
declare v_tenants text; v_rows int := 0; v_ids uuid[];
begin
  perform set_config('app.scope', 'dispatch', true);
  select array_agg(g.id), array_agg(distinct g.tenant_id)::text into v_ids, v_tenants from integrations g where g.silent;
  if v_ids is null then return 0; end if;
  perform set_config('app.tenants', v_tenants, true);
  return bots_withdraw(v_ids);
end $$;

-- As in 0005, and says whether the bot is stopped: in the state, where the decision looks for it.
create or replace function conversations_activate(p_tenants uuid[], p_integrations uuid[], p_keys text[], p_kinds text[], p_partitions smallint[])
returns table (id bigint, tenant_id uuid, integration_id uuid, key text, partition smallint, version int, control text, state text,
               agent_id uuid, channel text, account text, reply_policy text, shard smallint, pinned_version int) language plpgsql
set enable_seqscan = off set enable_bitmapscan = off as $$
begin
  perform set_config('app.tenants', (select array_agg(distinct t)::text from unnest(p_tenants) t), true);
  insert into conversations (tenant_id, integration_id, key, kind, partition)
  select u.* from unnest(p_tenants, p_integrations, p_keys, p_kinds, p_partitions) u (tenant_id, integration_id, key, kind, partition)
  order by u.integration_id, u.key on conflict do nothing;
  return query
  select c.id, c.tenant_id, c.integration_id, c.key, c.partition, c.version, c.control,
         case when g.silent then (c.state || '{"silent": true}')::text else c.state::text end,
         g.agent_id, g.channel, g.account, g.reply_policy, g.shard, c.pinned_version
  from unnest(p_integrations, p_keys) u (integration_id, key)
  cross join lateral (select x.* from conversations x where x.integration_id = u.integration_id and x.key = u.key limit 1) c
  join integrations g on g.id = c.integration_id;
end $$;

-- As in 0003, with the stop.
create or replace function turns_commit(
  p_tenants uuid[], p_conversations bigint[], p_expected int[], p_turns uuid[], p_states jsonb[], p_controls text[], p_traces bytea[],
  p_in_turn int[], p_in_ids bigint[], p_in_states text[], p_in_reasons text[],
  p_msg_turn int[], p_msg_seq smallint[], p_msg_inbox bigint[], p_msg_role text[], p_msg_body text[], p_msg_mode text[], p_msg_sources jsonb[], p_msg_external text[],
  p_out_turn int[], p_out_seq smallint[], p_out_class text[], p_out_policy text[], p_out_body jsonb[],
  p_tim_turn int[], p_tim_kind text[], p_tim_delay_s float8[], p_tim_payload jsonb[],
  p_act_turn int[], p_act_kind text[], p_act_agent uuid[], p_act_data jsonb[],
  p_finished_batches bigint[])
returns int[] language plpgsql set enable_seqscan = off set enable_bitmapscan = off as $$
declare v_won int[]; v_lost int[]; v_ids bigint[]; v_mute bigint[];
begin
  perform set_config('app.tenants', (select array_agg(distinct t)::text from unnest(p_tenants) t), true);
  perform from conversations c where c.id = any (p_conversations) order by c.id for update;
  select array_agg(distinct r.turn) into v_lost from unnest(p_in_turn, p_in_ids) r (turn, id)
  where r.id not in (select i.id from inbox i where i.id = any (p_in_ids) and i.state = 'pending');
  select array_agg(t.n order by t.n) into v_won
  from conversations c cross join lateral (select array_position(p_conversations, c.id) as n) i
  cross join lateral (select i.n, p_expected[i.n] as expected) t
  where t.n <> all (coalesce(v_lost, '{}')) and c.version = t.expected and c.id = any (p_conversations);
  -- Where the bot is stopped, or is being stopped now, a turn in which it speaks loses: it is decided anew, in silence.
  v_mute := bots_stopped(p_tenants, p_conversations);
  if v_mute <> '{}' then
    v_won := array(select w.n from unnest(v_won) w (n) where p_conversations[w.n] <> all (v_mute) or not (
      w.n in (select m.turn from unnest(p_msg_turn, p_msg_role) m (turn, role) where m.role = 'agent')
      or w.n in (select o.turn from unnest(p_out_turn, p_out_class) o (turn, class) where o.class <> 'operator')));
    v_won := nullif(v_won, '{}');
  end if;
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

do $$
declare f regprocedure;
begin
  for f in select p.oid::regprocedure from pg_proc p where p.pronamespace = 'public'::regnamespace
           and p.proname in ('conversation_passed', 'message_died', 'stop_bucket', 'bots_stopped', 'bots_withdraw', 'bots_stop', 'integration_silent',
                             'outbox_silent', 'bots_sweep') loop
    execute format('revoke all on function %s from public', f);
    execute format('grant execute on function %s to callboard_engine', f);
  end loop;
end $$;
grant execute on function stop_bucket(uuid), bots_stop(uuid, uuid, bool, text), bots_withdraw(uuid[]), integration_silent(), conversation_passed() to callboard_api;

-- Which conversation a notice is about, by the message that is answered.
create index outbox_notices on outbox (conversation_id, provider_message_id) where body ? 'about';
