-- Everything Callboard knows. PostgreSQL is the only truth; see docs/architecture.md.
-- Rules that hold for every table with tenant_id: composite keys (tenant_id, id), row-level security (0002).

create table tenants (
  id uuid primary key,
  slug text not null unique check (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  name text not null,
  locale text not null default 'en',
  created_at timestamptz not null default now()
);

create table api_keys (
  id uuid primary key,
  tenant_id uuid not null references tenants (id),
  name text not null,
  role text not null check (role in ('owner', 'admin', 'operator', 'viewer')),
  key_hash bytea not null unique check (length(key_hash) = 32),        -- sha256 of a 256-bit random key: needs no salt
  created_at timestamptz not null default now(),
  revoked_at timestamptz,
  unique (tenant_id, id)
);

-- What an agent says and does is a published version: one document, changed as a whole.
create table agents (
  id uuid primary key,
  tenant_id uuid not null references tenants (id),
  name text not null,
  published_version int not null default 0,
  created_at timestamptz not null default now(),
  archived_at timestamptz,
  unique (tenant_id, id)
);

create table agent_versions (
  tenant_id uuid not null,
  agent_id uuid not null,
  version int not null check (version > 0),
  definition jsonb not null,                                            -- persona, scripts, knowledge: actors/domain/catalogue.py
  published_at timestamptz not null default now(),
  primary key (agent_id, version),
  foreign key (tenant_id, agent_id) references agents (tenant_id, id)
);

create table integrations (
  id uuid primary key,
  tenant_id uuid not null references tenants (id),
  agent_id uuid not null,
  channel text not null check (channel in ('telegram', 'kommo', 'test')),
  account text not null,                                                -- telegram: the bot's id; test: the agent's id
  status text not null default 'live' check (status in ('live', 'paused', 'broken', 'disconnected')),
  mode text not null default 'push' check (mode in ('push', 'poll')),   -- webhook or getUpdates
  reply_policy text not null default 'repeat_once' check (reply_policy in ('once', 'repeat_once')),
  secret_hash bytea check (length(secret_hash) = 32),                   -- sha256 of the webhook secret
  token_encrypted bytea,                                                -- storage/crypto.py
  shard smallint not null check (shard between 0 and 255),              -- crc32(id) % 256: which DeliveryActor owns it
  problem text,                                                         -- why it is broken, for people
  created_at timestamptz not null default now(),
  unique (tenant_id, id),
  foreign key (tenant_id, agent_id) references agents (tenant_id, id)
);
-- One live integration per bot or account in the whole installation.
create unique index integrations_live_account on integrations (channel, account) where status <> 'disconnected';
create index integrations_agent on integrations (agent_id);

create table conversations (
  id bigint generated always as identity primary key,
  tenant_id uuid not null,
  integration_id uuid not null,
  kind text not null check (kind in ('chat', 'lead', 'contact', 'tenant')),
  key text not null,                                                    -- with integration_id: the address
  partition smallint not null check (partition between 0 and 255),
  version int not null default 0,                                       -- rises by one with every turn and every control change
  control text not null default 'bot' check (control in ('bot', 'waiting', 'human')),  -- waiting: handed off, nobody took it yet
  state jsonb not null default '{}',                                    -- actors/domain/conversation.py
  title text not null default '',
  created_at timestamptz not null default now(),
  last_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique (integration_id, key),
  foreign key (tenant_id, integration_id) references integrations (tenant_id, id)
) with (fillfactor = 80);
create index conversations_recent on conversations (tenant_id, last_at desc, id desc);

-- Dedupe keys are account-wide and live 8 days; never partitioned by time (UNIQUE would end at the partition).
create table inbox_keys (
  dedupe_key text primary key,                                          -- `telegram:bot_id:update_id`, `test:agent_id:conversation:message_id`
  inbox_id bigint not null,
  received_at timestamptz not null default now()
) with (autovacuum_vacuum_scale_factor = 0.05);
create index inbox_keys_age on inbox_keys using brin (received_at);

create sequence inbox_id_seq as bigint;
create table inbox (
  id bigint primary key,
  tenant_id uuid not null,
  integration_id uuid not null,
  key text not null,
  partition smallint not null,
  kind text not null check (kind in ('message', 'timer', 'event', 'result')),
  raw bytea not null,
  received_at timestamptz not null default clock_timestamp(),
  state text not null default 'pending' check (state in ('pending', 'done', 'dead')),
  attempts smallint not null default 0,                                 -- tries alone, counted before each
  reason text,                                                          -- why it is dead
  turn_id uuid,
  foreign key (tenant_id, integration_id) references integrations (tenant_id, id)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
alter sequence inbox_id_seq owned by inbox.id;
create index inbox_pending on inbox (partition, id) where state = 'pending';
create index inbox_pending_address on inbox (integration_id, key, id) where state = 'pending';
create index inbox_dead on inbox (tenant_id, id) where state = 'dead';

-- Below its floor a partition has no pending input, now or ever. Pulls start there: until vacuum has been by, and while
-- somebody holds an old snapshot, the index is full of entries of handled rows that would be walked each time.
create table inbox_floor (
  partition smallint primary key,
  id bigint not null
) with (fillfactor = 50);
insert into inbox_floor select p, 0 from generate_series(0, 255) p;
create table inbox_mark (                                               -- the next floor at the most, see inbox_raise_floor
  one bool primary key default true check (one),
  at timestamptz not null default '-infinity',
  last_id bigint not null default 0,
  next_xid xid8 not null default '0'
);
insert into inbox_mark default values;

-- What a host has in hand: one row a pull, not one UPDATE a message.
create table batches (
  id bigint generated always as identity primary key,
  host smallint not null,
  generation uuid not null,
  inbox_ids bigint[] not null,
  created_at timestamptz not null default now()
);
create index batches_host on batches (host, generation);

create table messages (
  id bigint generated always as identity primary key,
  tenant_id uuid not null,
  conversation_id bigint not null,
  version int not null,                                                 -- the conversation's version after the turn
  turn_id uuid not null,
  seq smallint not null,                                                -- place within the turn; with turn_id the effect's key
  inbox_id bigint unique,                                               -- the input it came from: no input is ever two messages
  role text not null check (role in ('customer', 'agent', 'operator')),
  body text not null,
  mode text,                                                            -- how an answer was made: script, extractive, model, handoff, ...
  sources jsonb not null default '[]',
  external_id text,                                                     -- the channel's id of an inbound message
  created_at timestamptz not null default now(),
  unique (turn_id, seq),
  foreign key (tenant_id, conversation_id) references conversations (tenant_id, id)
);
create index messages_conversation on messages (conversation_id, id);

create table outbox (
  id bigint generated always as identity primary key,
  tenant_id uuid not null,
  conversation_id bigint not null,
  integration_id uuid not null,
  shard smallint not null,
  turn_id uuid not null,
  seq smallint not null,
  class text not null check (class in ('reply', 'operator', 'step')),
  policy text not null check (policy in ('once', 'repeat_once')),
  state text not null default 'pending' check (state in ('pending', 'claimed', 'sending', 'sent', 'failed', 'unknown', 'withdrawn')),
  uncertain smallint not null default 0,                                -- outcomes that could not be known; stays for ever
  attempts smallint not null default 0,                                 -- sends begun
  body jsonb not null,
  due_at timestamptz not null default now(),
  claimed_by uuid,
  claimed_at timestamptz,
  lease_until timestamptz,
  error text,
  provider_message_id text,
  created_at timestamptz not null default now(),
  sent_at timestamptz,
  unique (turn_id, seq),
  foreign key (tenant_id, conversation_id) references conversations (tenant_id, id),
  foreign key (tenant_id, integration_id) references integrations (tenant_id, id)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
create index outbox_open on outbox (conversation_id, id) where state in ('pending', 'claimed', 'sending');
create index outbox_ready_replies on outbox (shard, id) where state = 'pending' and class <> 'step';
create index outbox_ready_steps on outbox (shard, id) where state = 'pending' and class = 'step';
create index outbox_leased on outbox (lease_until) where state in ('claimed', 'sending');

create table timers (
  id bigint generated always as identity primary key,
  tenant_id uuid not null,
  conversation_id bigint not null,
  kind text not null,
  due_at timestamptz not null,
  payload jsonb not null default '{}',
  created_at timestamptz not null default now(),
  unique (conversation_id, kind),                                       -- setting it again moves it
  foreign key (tenant_id, conversation_id) references conversations (tenant_id, id)
);
create index timers_due on timers (due_at);

create table traces (
  turn_id uuid primary key,
  tenant_id uuid not null,
  conversation_id bigint not null,
  body bytea not null,                                                  -- zlib-compressed JSON, see actors/domain/trace.py
  created_at timestamptz not null default now(),
  foreign key (tenant_id, conversation_id) references conversations (tenant_id, id)
);

create table activity_logs (
  id bigint generated always as identity primary key,
  xid xid8 not null default pg_current_xact_id(),                       -- feeds read (xid, id) below pg_snapshot_xmin
  tenant_id uuid not null references tenants (id),
  kind text not null,
  agent_id uuid,
  conversation_id bigint,
  turn_id uuid,
  data jsonb not null default '{}',
  at timestamptz not null default now()
);
create index activity_logs_feed on activity_logs (tenant_id, xid, id);

-- The queue `agent-jobs`: in PostgreSQL, in the transaction of what caused the job.
create table jobs (
  id uuid primary key,
  tenant_id uuid not null references tenants (id),
  queue text not null default 'agent-jobs',
  name text not null,
  payload jsonb not null default '{}',
  state text not null default 'queued' check (state in ('queued', 'running', 'done', 'failed', 'cancelled')),
  created_at timestamptz not null default now(),
  finished_at timestamptz
);

-- Placement: one row; every pull and claim carries its epoch.
create table placement (
  one bool primary key default true check (one),
  epoch int not null,
  hosts smallint not null check (hosts between 1 and 256),
  senders smallint not null check (senders between 1 and 256),
  installation uuid not null,
  seen_at timestamptz not null default now()
);
-- Who carries which part now: a newer generation takes the part from the older one.
create table carriers (
  kind text not null check (kind in ('host', 'sender')),
  part smallint not null,
  generation uuid not null,
  epoch int not null,
  pid int not null,
  taken_at timestamptz not null default now(),
  beat_at timestamptz not null default now(),
  status jsonb not null default '{}',
  primary key (kind, part)
);
create table heartbeats (
  name text primary key,                                                -- 'stage'
  at timestamptz not null default now(),
  status jsonb not null
);
