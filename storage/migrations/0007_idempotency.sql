-- Answers of the API that are given again: a request that carries an Idempotency-Key has one effect, however often it is sent.

create table idempotency_keys (
  tenant_id uuid not null references tenants (id),
  caller_id uuid not null,                                              -- the user or the API key: no one gets another's answer
  key_hash bytea not null check (length(key_hash) = 32),                -- sha256: the key itself is part of what opens the answer
  request_hash bytea not null check (length(request_hash) = 32),        -- sha256 of method, path, query and body
  answer bytea,                                                         -- sealed under the caller's credential: may hold a key or link shown once
  created_at timestamptz not null default now(),
  primary key (tenant_id, caller_id, key_hash)
);
create index idempotency_keys_age on idempotency_keys (created_at);
call protect_tenant_table('idempotency_keys');

-- Housekeeping over all tenants sees what is over, nothing else.
create policy dispatch_select on idempotency_keys for select to callboard_engine
  using ((select app_dispatch()) and created_at < now() - interval '1 day');
create policy dispatch_delete on idempotency_keys for delete to callboard_engine
  using ((select app_dispatch()) and created_at < now() - interval '1 day');
