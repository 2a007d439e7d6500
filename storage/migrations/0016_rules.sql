-- Rules of an agent's draft, and actions: what decisions ask of systems outside, carried out after the commit of their turn.

-- Actions are written with their turn and carried out by the senders, once. They are no outbox rows: an order of its own per
-- conversation and family (`webhook`, `kommo`), so that a slow receiver never keeps a customer's answer waiting, nor a takeover
-- or a blocked bot what was decided before. `would_do`: a test conversation that does not act in earnest.
create table actions (
  id bigint generated always as identity primary key,
  tenant_id uuid not null,
  agent_id uuid not null,
  conversation_id bigint not null,
  shard smallint not null,
  turn_id uuid not null,
  seq smallint not null,                                                -- with turn_id the effect's key; receivers see it
  kind text not null check (kind ~ '^[a-z]+\.[a-z_]+$'),                -- webhook.call
  family text not null generated always as (split_part(kind, '.', 1)) stored,
  params jsonb not null,
  rule text not null default '',                                        -- the key of the rule that asked for it
  state text not null check (state in ('pending', 'claimed', 'sending', 'done', 'failed', 'unknown', 'would_do')),
  attempts smallint not null default 0,                                 -- tries begun since it was asked for, by a rule or a person
  due_at timestamptz not null default now(),
  claimed_by uuid,
  lease_until timestamptz,
  error text,
  result jsonb,
  created_at timestamptz not null default now(),
  ended_at timestamptz,
  unique (tenant_id, id),
  unique (turn_id, seq),
  foreign key (tenant_id, conversation_id) references conversations (tenant_id, id),
  foreign key (tenant_id, agent_id) references agents (tenant_id, id)
) with (fillfactor = 80);
create index actions_ready on actions (due_at) where state = 'pending';
create index actions_open on actions (conversation_id, family, id) where state in ('pending', 'claimed', 'sending');
create index actions_leased on actions (lease_until) where state in ('claimed', 'sending');
create index actions_agent on actions (agent_id, id);
call protect_tenant_table('actions');
create policy dispatch_select on actions for select to callboard_engine using ((select app_dispatch()));
create policy dispatch_update on actions for update to callboard_engine using ((select app_dispatch()));

alter table conversations add column acts bool not null default false;  -- test conversations: actions in earnest

-- What turns ask for, in the transaction of turns_commit and for its winners only:
-- [{"turn", "conversation", "agent", "actions": [{"seq", "kind", "params", "rule"}]}]
create function turns_actions(p_turns jsonb) returns void language sql
set enable_seqscan = off as $$
  insert into actions (tenant_id, agent_id, conversation_id, shard, turn_id, seq, kind, params, rule, state)
  select c.tenant_id, (t.turn ->> 'agent')::uuid, c.id, g.shard, (t.turn ->> 'turn')::uuid, (a.action ->> 'seq')::smallint,
         a.action ->> 'kind', a.action -> 'params', a.action ->> 'rule',
         case when g.channel = 'test' and not c.acts then 'would_do' else 'pending' end
  from jsonb_array_elements(p_turns) with ordinality t (turn, n)
  cross join lateral (select x.id, x.tenant_id, x.integration_id, x.acts from conversations x
                      where x.id = (t.turn ->> 'conversation')::bigint limit 1) c
  cross join lateral (select y.shard, y.channel from integrations y where y.id = c.integration_id limit 1) g
  cross join lateral jsonb_array_elements(t.turn -> 'actions') with ordinality a (action, m)
  order by t.n, a.m
$$;

-- The oldest open action of each conversation and family; tenants in p_full have enough under way.
create function actions_claim(p_sender smallint, p_generation uuid, p_epoch int, p_shards smallint[], p_full uuid[], p_limit int, p_lease_s float8)
returns table (id bigint, tenant_id uuid, agent_id uuid, conversation_id bigint, turn_id uuid, seq smallint, kind text, params text,
               rule text, attempts smallint) language plpgsql
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
  returning a.id, a.tenant_id, a.agent_id, a.conversation_id, a.turn_id, a.seq, a.kind, a.params::text, a.rule, a.attempts;
end $$;

-- Committed just before the bytes. Returns the ids that may be written to the wire now.
create function actions_begin(p_generation uuid, p_ids bigint[]) returns bigint[] language plpgsql
set enable_seqscan = off as $$
declare v_ids bigint[];
begin
  perform set_config('app.scope', 'dispatch', true);
  with begun as (
    update actions a set state = 'sending', attempts = a.attempts + 1
    where a.id = any (p_ids) and a.state = 'claimed' and a.claimed_by = p_generation and a.lease_until > clock_timestamp() returning a.id)
  select array_agg(b.id) into v_ids from begun b;
  return coalesce(v_ids, '{}');
end $$;

-- How one ended, told to people in the same transaction: done, failed, unknown; retry: later. False: it is not ours any more.
create function actions_finish(p_generation uuid, p_id bigint, p_outcome text, p_error text, p_result jsonb, p_delay_s float8)
returns bool language plpgsql set enable_seqscan = off as $$
declare v actions;
begin
  perform set_config('app.scope', 'dispatch', true);
  update actions a set
    state = case p_outcome when 'retry' then 'pending' else p_outcome end, error = p_error, result = p_result,
    due_at = case p_outcome when 'retry' then now() + p_delay_s * interval '1 second' else a.due_at end,
    ended_at = case p_outcome when 'retry' then null else clock_timestamp() end, claimed_by = null, lease_until = null
  where a.id = p_id and a.claimed_by = p_generation and (a.state = 'sending' or (a.state = 'claimed' and p_outcome = 'retry'))
  returning a.* into v;
  if not found then return false; end if;
  perform action_told(v);
  return true;
end $$;

create function action_told(a actions) returns void language plpgsql as $$
begin
  if a.state not in ('done', 'failed', 'unknown') then return; end if;
  perform set_config('app.tenants', array[a.tenant_id]::text, true);
  insert into activity_logs (tenant_id, kind, agent_id, conversation_id, turn_id, data)
  values (a.tenant_id, 'action.' || a.state, a.agent_id, a.conversation_id, a.turn_id,
          jsonb_strip_nulls(jsonb_build_object('action', a.id, 'kind', a.kind, 'rule', a.rule, 'error', a.error, 'attempts', a.attempts)));
end $$;

-- Leases that are over: what was claimed is free again; of what was being written nobody knows whether it arrived.
create function actions_expire() returns int language plpgsql set enable_seqscan = off as $$
declare v actions; v_rows int := 0;
begin
  perform set_config('app.scope', 'dispatch', true);
  for v in
    update actions a set
      state = case when a.state = 'claimed' then 'pending' else 'unknown' end,
      error = case when a.state = 'sending' then 'the sender ended before the outcome was known' else a.error end,
      ended_at = case when a.state = 'sending' then clock_timestamp() end, claimed_by = null, lease_until = null
    from (select x.id from actions x where x.state in ('claimed', 'sending') and x.lease_until < clock_timestamp()
          order by x.id limit 100 for update skip locked) late
    where a.id = late.id returning a.*
  loop
    v_rows := v_rows + 1;
    perform action_told(v);
  end loop;
  return v_rows;
end $$;

revoke all on function turns_actions(jsonb), actions_claim(smallint, uuid, int, smallint[], uuid[], int, float8), actions_begin(uuid, bigint[]),
  actions_finish(uuid, bigint, text, text, jsonb, float8), action_told(actions), actions_expire() from public;
grant execute on function turns_actions(jsonb), actions_claim(smallint, uuid, int, smallint[], uuid[], int, float8), actions_begin(uuid, bigint[]),
  actions_finish(uuid, bigint, text, text, jsonb, float8), action_told(actions), actions_expire() to callboard_engine;

-- Rules, row by row as scripts; what hosts run is the published version. `position` is their order and may change.
create table rules (
  id uuid primary key,
  tenant_id uuid not null,
  agent_id uuid not null,
  position int not null,
  definition jsonb not null,                                            -- actors/domain/rules/models.py
  key text not null generated always as (definition ->> 'id') stored,   -- how traces and activity name it
  enabled bool not null generated always as (coalesce((definition ->> 'enabled')::bool, true)) stored,
  version int not null default 1,
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  changed_by text not null default '',
  deleted_at timestamptz,
  unique (tenant_id, id),
  unique (agent_id, key),
  foreign key (tenant_id, agent_id) references agents (tenant_id, id)
);
create index rules_agent on rules (agent_id, position, id);
call protect_tenant_table('rules');

create index activity_logs_rules on activity_logs (agent_id, (data ->> 'rule'), id) where kind in ('rule.fired', 'rule.failed');

-- A person's answer ends the wait for one: "no answer for a time" must not fire after it.
create function answer_ends_wait() returns trigger language plpgsql as $$
begin
  delete from timers t where t.conversation_id = new.conversation_id and t.kind like 'rules:no_answer:%';
  return null;
end $$;
create trigger messages_answered after insert on messages for each row when (new.role = 'operator') execute function answer_ends_wait();

