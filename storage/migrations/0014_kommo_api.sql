-- Kommo's API: credentials of connected accounts, the pace they share, who may refresh a token, and looking before deciding.

-- One row an account that was connected. The tokens are encrypted (storage/crypto.py); `generation` rises with every new pair.
create table kommo_accounts (
  tenant_id uuid not null,
  integration_id uuid not null,
  account_id bigint not null,
  host text not null check (host ~ '^[a-z0-9][a-z0-9-]*\.(kommo\.com|amocrm\.ru|amocrm\.com)$'),  -- where its API is; accounts move
  name text not null default '',
  client_id text,                                                       -- null: a long-lived token, which nobody refreshes
  client_secret_encrypted bytea,
  redirect_uri text,
  access_encrypted bytea not null,
  refresh_encrypted bytea,                                              -- single use: replaced by the answer that used it
  expires_at timestamptz,
  generation int not null default 1,
  refreshing_by uuid,                                                   -- the one process that may use the refresh token now
  refreshing_until timestamptz,
  bot_id bigint,                                                        -- a Salesbot that sends the field of a lead: the way without quota
  field_id bigint,
  quota_until timestamptz,                                              -- the direct way refused; not tried before
  quota_problem text,
  created_at timestamptz not null default now(),
  primary key (tenant_id, integration_id),
  unique (integration_id),
  foreign key (tenant_id, integration_id) references integrations (tenant_id, id)
);
call protect_tenant_table('kommo_accounts');

-- When the account's next request may go: one row that all processes move on. Hot and narrow.
create table kommo_pace (
  tenant_id uuid not null,
  integration_id uuid primary key,
  next_at timestamptz not null default now(),
  foreign key (tenant_id, integration_id) references integrations (tenant_id, id)
) with (fillfactor = 50);
call protect_tenant_table('kommo_pace');

-- What was sent directly, by month: Kommo counts it and does not tell.
create table kommo_sends (
  tenant_id uuid not null,
  integration_id uuid not null,
  month date not null,
  sent int not null default 0,
  primary key (tenant_id, integration_id, month),
  foreign key (tenant_id, integration_id) references integrations (tenant_id, id)
);
call protect_tenant_table('kommo_sends');

-- A Salesbot reads its text from a field of the lead: two runs close together would send the second text twice.
create table kommo_bot_runs (
  tenant_id uuid not null,
  integration_id uuid not null,
  lead_id bigint not null,
  free_at timestamptz not null,
  primary key (tenant_id, integration_id, lead_id),
  foreign key (tenant_id, integration_id) references integrations (tenant_id, id)
);
call protect_tenant_table('kommo_bot_runs');

-- Somebody went to Kommo to allow the access and is not back yet. `state_hash` is sha256 of what the browser brings back.
create table kommo_authorizations (
  id uuid not null default gen_random_uuid(),
  tenant_id uuid not null,
  agent_id uuid not null,
  state_hash bytea not null unique check (length(state_hash) = 32),
  client_id text not null,
  client_secret_encrypted bytea not null,
  redirect_uri text not null,
  actor jsonb not null,
  expires_at timestamptz not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, agent_id) references agents (tenant_id, id)
);
call protect_tenant_table('kommo_authorizations');
create policy dispatch on kommo_authorizations for select to callboard_api using ((select app_dispatch()));
-- The disconnect hook names Kommo's account only.
create policy dispatch on kommo_accounts for select to callboard_api using ((select app_dispatch()));

-- Kommo blocks addresses, not accounts: while it does, nobody here asks anything.
create table kommo_address (
  one bool primary key default true check (one),
  blocked_until timestamptz not null default '-infinity',
  reason text not null default ''
);
insert into kommo_address default values;
grant select, update on kommo_address to callboard_api, callboard_engine;

-- Reserve the account's next moment. Who may wait longer goes first: an answer queues up to its whole horizon, what is less
-- urgent only where the queue is short. Nothing is reserved if it is too long, or while the address is blocked.
create function kommo_reserve(p_tenant uuid, p_integration uuid, p_gap_s float8, p_horizon_s float8)
returns table (granted bool, wait_s float8, generation int, stale bool, blocked_s float8) language plpgsql as $$
declare v_at timestamptz; v_blocked float8; v_next timestamptz; v_generation int; v_stale bool;
begin
  perform set_config('app.tenant', p_tenant::text, true), set_config('app.tenants', array[p_tenant]::text, true),
          set_config('synchronous_commit', 'off', true);                -- a reservation lost with the server was not used either
  select extract(epoch from a.blocked_until - clock_timestamp()) into v_blocked from kommo_address a where a.blocked_until > clock_timestamp();
  select k.generation, coalesce(k.expires_at < clock_timestamp() + interval '60 seconds', false) into v_generation, v_stale
    from kommo_accounts k where k.tenant_id = p_tenant and k.integration_id = p_integration;
  if not found then return; end if;
  if v_blocked is null then
    update kommo_pace p set next_at = greatest(p.next_at, clock_timestamp()) + p_gap_s * interval '1 second'
      where p.integration_id = p_integration and p.next_at <= clock_timestamp() + p_horizon_s * interval '1 second'
      returning p.next_at - p_gap_s * interval '1 second' into v_at;
  end if;
  if v_at is null then
    select p.next_at into v_next from kommo_pace p where p.integration_id = p_integration;
  end if;
  return query select v_at is not null, greatest(extract(epoch from coalesce(v_at, v_next) - clock_timestamp()), 0)::float8,
                      v_generation, v_stale, v_blocked;
end $$;

-- Kommo asked for a pause: nobody of the account goes before it is over.
create function kommo_slow_down(p_tenant uuid, p_integration uuid, p_seconds float8) returns void language plpgsql as $$
begin
  perform set_config('app.tenant', p_tenant::text, true), set_config('app.tenants', array[p_tenant]::text, true);
  update kommo_pace p set next_at = greatest(p.next_at, clock_timestamp() + p_seconds * interval '1 second') where p.integration_id = p_integration;
end $$;

-- The address is blocked: everybody stops, and the tenant that met it is told once.
create function kommo_block(p_tenant uuid, p_integration uuid, p_seconds float8, p_reason text) returns void language plpgsql as $$
declare v_new bool;
begin
  perform set_config('app.tenant', p_tenant::text, true), set_config('app.tenants', array[p_tenant]::text, true);
  select a.blocked_until < clock_timestamp() into v_new from kommo_address a for update;
  update kommo_address a set blocked_until = greatest(a.blocked_until, clock_timestamp() + p_seconds * interval '1 second'), reason = p_reason;
  if v_new then
    insert into activity_logs (tenant_id, kind, agent_id, data)
    select g.tenant_id, 'integration.blocked', g.agent_id, jsonb_build_object('integration_id', g.id, 'channel', 'kommo', 'seconds', p_seconds, 'reason', p_reason)
    from integrations g where g.tenant_id = p_tenant and g.id = p_integration;
  end if;
end $$;

-- One process refreshes; the others see the generation rise. True: it is the caller.
create function kommo_refresh_begin(p_tenant uuid, p_integration uuid, p_generation int, p_owner uuid, p_lease_s float8) returns bool language plpgsql as $$
begin
  perform set_config('app.tenant', p_tenant::text, true), set_config('app.tenants', array[p_tenant]::text, true);
  update kommo_accounts k set refreshing_by = p_owner, refreshing_until = clock_timestamp() + p_lease_s * interval '1 second'
    where k.tenant_id = p_tenant and k.integration_id = p_integration and k.generation = p_generation and k.refresh_encrypted is not null
      and (k.refreshing_until is null or k.refreshing_until < clock_timestamp());
  return found;
end $$;

-- Kommo's messages are sent once, whatever an owner would prefer: there is nothing by which it would know a repetition.
create function kommo_sends_once() returns trigger language plpgsql as $$
begin
  new.reply_policy := 'once';
  return new;
end $$;
create trigger kommo_sends_once before insert or update of reply_policy on integrations
  for each row when (new.channel = 'kommo') execute function kommo_sends_once();

-- Looking before deciding: where a channel shows its history, an outcome nobody knows can be found out. Few rows, so the
-- index is small; a row that was looked for often enough leaves it.
alter table outbox add column looks smallint not null default 0, add column look_at timestamptz;
create index outbox_doubts on outbox (shard, id) where state = 'unknown' and looks < 6;
-- Ids of that form are UUIDs, as Kommo's; the numbers of other channels are not in it.
create index outbox_sent_uuids on outbox (provider_message_id) where length(provider_message_id) = 36;

create function outbox_doubts(p_generation uuid, p_sender smallint, p_shards smallint[], p_integrations uuid[], p_limit int, p_pause_s float8)
returns table (id bigint, tenant_id uuid, conversation_id bigint, integration_id uuid, key text, body text, begun_at timestamptz, looks smallint)
language plpgsql as $$
begin
  perform set_config('app.scope', 'dispatch', true);
  if not exists (select from carriers c where c.kind = 'sender' and c.part = p_sender and c.generation = p_generation) then
    raise exception 'a newer generation looks' using errcode = 'CB001';
  end if;
  return query with due as (
    select o.id from outbox o
    where o.shard = any (p_shards) and o.state = 'unknown' and o.looks < 6 and o.integration_id = any (p_integrations)
      and coalesce(o.look_at, '-infinity') <= clock_timestamp()
    order by o.id limit p_limit for update skip locked
  ), taken as (
    update outbox o set look_at = clock_timestamp() + p_pause_s * interval '1 second' from due where o.id = due.id returning o.*
  )
  select t.id, t.tenant_id, t.conversation_id, t.integration_id, c.key, t.body::text, coalesce(t.claimed_at, t.created_at), t.looks
  from taken t join conversations c on c.id = t.conversation_id order by t.id;
end $$;

-- It was found: sent, under the channel's id. One message of the channel settles one row.
create function outbox_found(p_tenant uuid, p_id bigint, p_provider_id text) returns bool language plpgsql as $$
declare v_ok bool;
begin
  perform set_config('app.tenants', array[p_tenant]::text, true);
  perform 1 from conversations c join outbox o on o.conversation_id = c.id where o.id = p_id for update of c;
  with settled as (
    update outbox o set state = 'sent', provider_message_id = p_provider_id, sent_at = clock_timestamp(), look_at = null
    where o.id = p_id and o.state = 'unknown'
      and not exists (select from outbox x where x.provider_message_id = p_provider_id and length(x.provider_message_id) = 36
                        and x.conversation_id = o.conversation_id and x.id <> o.id)
    returning o.*
  ), told as (
    insert into activity_logs (tenant_id, kind, conversation_id, turn_id, data)
    select s.tenant_id, 'delivery.found', s.conversation_id, s.turn_id, jsonb_build_object('outbox_id', s.id, 'state', s.state, 'uncertain', s.uncertain)
    from settled s
  )
  select exists (select from settled) into v_ok;
  return v_ok;
end $$;

-- It was looked for and not there: look again later, at last never.
create function outbox_not_found(p_tenant uuid, p_id bigint, p_again_s float8) returns void language plpgsql as $$
begin
  perform set_config('app.tenants', array[p_tenant]::text, true);
  update outbox o set looks = o.looks + 1, look_at = clock_timestamp() + p_again_s * interval '1 second' where o.id = p_id and o.state = 'unknown';
end $$;

do $$
declare f regprocedure;
begin
  for f in select p.oid::regprocedure from pg_proc p where p.pronamespace = 'public'::regnamespace
           and p.proname in ('kommo_reserve', 'kommo_slow_down', 'kommo_block', 'kommo_refresh_begin', 'outbox_doubts', 'outbox_found', 'outbox_not_found') loop
    execute format('revoke all on function %s from public', f);
    execute format('grant execute on function %s to callboard_engine', f);
    if f::text like 'kommo%' then
      execute format('grant execute on function %s to callboard_api', f);
    end if;
  end loop;
end $$;
revoke all on function kommo_sends_once() from public;
grant execute on function kommo_sends_once() to callboard_api, callboard_engine;
