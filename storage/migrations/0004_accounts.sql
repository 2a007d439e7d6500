-- People and their credentials: users, sessions, one-time links, throttling, and the audit log.

-- What 0002 did for its tables, for every later table with tenant_id: call it right after `create table`.
-- Both roles see and write one tenant (api) or the tenants of their batch (engine), nobody anything else, not even the owner.
create procedure protect_tenant_table(t regclass) language plpgsql as $$
begin
  execute format('alter table %s enable row level security', t);
  execute format('alter table %s force row level security', t);
  execute format('create policy api on %s to callboard_api using (tenant_id = (select app_tenant())) with check (tenant_id = (select app_tenant()))', t);
  execute format('create policy engine on %s to callboard_engine using (tenant_id = any ((select app_tenants())::uuid[])) with check (tenant_id = any ((select app_tenants())::uuid[]))', t);
  execute format('grant select, insert, update, delete on %s to callboard_api, callboard_engine', t);
end $$;
revoke all on procedure protect_tenant_table(regclass) from public;

create table users (
  id uuid primary key,
  tenant_id uuid not null references tenants (id),
  email text not null check (email ~ '^[\x21-\x7e]{3,254}$' and email = lower(email)),  -- ASCII, lower case: storage/accounts/users.py
  name text not null default '',
  role text not null check (role in ('owner', 'admin', 'operator', 'viewer')),
  locale text not null default 'en',
  password_hash text check (password_hash like '$argon2id$%'),          -- null: none set yet, only a link lets in
  created_at timestamptz not null default now(),
  seen_at timestamptz,                                                  -- the last login
  removed_at timestamptz,                                               -- never deleted: audit rows point here
  unique (tenant_id, id)
);
-- A login is an e-mail address and a password, without a tenant: so an address belongs to one active user of the whole
-- installation. Who works for two companies uses two addresses (or `me+company@`).
create unique index users_email on users (email) where removed_at is null;

create table sessions (
  id uuid primary key,
  tenant_id uuid not null,
  user_id uuid not null,
  token_hash bytea not null unique check (length(token_hash) = 32),     -- sha256 of a 256-bit random token: needs no salt
  by_link bool not null,                                                -- opened by a one-time link: may set a password without the old one, for an hour
  user_agent text not null default '',
  created_at timestamptz not null default now(),
  seen_at timestamptz not null default now(),
  expires_at timestamptz not null,
  unique (tenant_id, id),
  foreign key (tenant_id, user_id) references users (tenant_id, id)
);
create index sessions_user on sessions (user_id);
create index sessions_age on sessions (expires_at);

create table login_links (
  id uuid primary key,
  tenant_id uuid not null,
  user_id uuid not null,
  token_hash bytea not null unique check (length(token_hash) = 32),
  purpose text not null check (purpose in ('invite', 'login')),         -- login: made on the command line, or at the start of the demo
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz,
  ended_at timestamptz,                                                 -- a newer link took its place, or its user was removed
  unique (tenant_id, id),
  foreign key (tenant_id, user_id) references users (tenant_id, id)
);
create index login_links_user on login_links (user_id);
create index login_links_age on login_links (expires_at);

create table audit_log (
  id bigint generated always as identity primary key,
  tenant_id uuid not null references tenants (id),
  at timestamptz not null default now(),
  user_id uuid,                                                         -- both null: the command line, or the program itself
  key_id uuid,
  actor text not null,                                                  -- the name they had then
  action text not null,                                                 -- 'user.invited', 'agent.published': the subject's kind and what was done
  subject text not null,                                                -- 'user:ID'
  before jsonb,
  after jsonb,
  unique (tenant_id, id),
  foreign key (tenant_id, user_id) references users (tenant_id, id),
  foreign key (tenant_id, key_id) references api_keys (tenant_id, id)
);
create index audit_log_recent on audit_log (tenant_id, id desc);

do $$
declare t regclass;
begin
  foreach t in array array['users', 'sessions', 'login_links', 'audit_log']::regclass[] loop
    call protect_tenant_table(t);
  end loop;
end $$;

-- A credential is found before its tenant is known; everything after that is done within the tenant.
create policy dispatch on users for select to callboard_api using ((select app_dispatch()) and removed_at is null);
create policy dispatch on sessions for select to callboard_api using ((select app_dispatch()));
create policy dispatch on login_links for select to callboard_api using ((select app_dispatch()));
-- Housekeeping over all tenants sees what is over, nothing else.
create policy dispatch_select on sessions for select to callboard_engine using ((select app_dispatch()) and expires_at < now());
create policy dispatch_delete on sessions for delete to callboard_engine using ((select app_dispatch()) and expires_at < now());
create policy dispatch_select on login_links for select to callboard_engine using ((select app_dispatch()) and expires_at < now());
create policy dispatch_delete on login_links for delete to callboard_engine using ((select app_dispatch()) and expires_at < now());

-- Attempts to log in, counted for all processes. The key is sha256 of what is counted: people type passwords into the
-- field for the e-mail address.
create table login_throttles (
  key bytea primary key check (length(key) = 32),
  tries int not null,
  began_at timestamptz not null
) with (fillfactor = 50);
create index login_throttles_age on login_throttles (began_at);
grant select, insert, update, delete on login_throttles to callboard_api;
grant select, delete on login_throttles to callboard_engine;

alter table api_keys
  add column prefix text not null default '',                           -- its first characters, to tell keys apart
  add column last_used_at timestamptz;                                  -- to the minute
