-- Two roles, neither superuser nor BYPASSRLS. Every process of Callboard works as one of them
-- (storage/postgres.py connects with `role=`); only migrations run as the owner.
--   callboard_api     one tenant per transaction:  set_config('app.tenant', …, true)
--   callboard_engine  the tenants of a batch:      set_config('app.tenants', …, true)
--                     and, where work must be found before its tenant is known, the scope `dispatch`.
do $$
begin
  if not exists (select from pg_roles where rolname = 'callboard_api') then
    create role callboard_api nologin nosuperuser nobypassrls;
  end if;
  if not exists (select from pg_roles where rolname = 'callboard_engine') then
    create role callboard_engine nologin nosuperuser nobypassrls;
  end if;
  execute format('grant callboard_api, callboard_engine to %I', current_user);
end $$;

create function app_tenant() returns uuid language sql stable
  return nullif(current_setting('app.tenant', true), '')::uuid;
create function app_tenants() returns uuid[] language sql stable
  return coalesce(nullif(current_setting('app.tenants', true), '')::uuid[], '{}');
create function app_dispatch() returns bool language sql stable
  return coalesce(current_setting('app.scope', true) = 'dispatch', false);

-- The sub-selects make PostgreSQL evaluate the setting once a statement instead of once a row.
do $$
declare t text;
begin
  for t in
    select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
    where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
  loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy api on %I to callboard_api using (tenant_id = (select app_tenant())) with check (tenant_id = (select app_tenant()))', t);
    execute format('create policy engine on %I to callboard_engine using (tenant_id = any ((select app_tenants())::uuid[])) with check (tenant_id = any ((select app_tenants())::uuid[]))', t);
    execute format('grant select, insert, update, delete on %I to callboard_api, callboard_engine', t);
  end loop;
end $$;

alter table tenants enable row level security;
alter table tenants force row level security;
create policy api on tenants to callboard_api using (id = (select app_tenant())) with check (id = (select app_tenant()));
create policy engine on tenants to callboard_engine using (id = any ((select app_tenants())::uuid[])) with check (id = any ((select app_tenants())::uuid[]));
grant select, insert, update on tenants to callboard_api, callboard_engine;

-- Work that must be found before its tenant is known; nothing else has the dispatch scope.
create policy dispatch_select on inbox for select to callboard_engine using ((select app_dispatch()));
create policy dispatch_update on inbox for update to callboard_engine using ((select app_dispatch()));
create policy dispatch_select on outbox for select to callboard_engine using ((select app_dispatch()));
create policy dispatch_update on outbox for update to callboard_engine using ((select app_dispatch()));
create policy dispatch_select on timers for select to callboard_engine using ((select app_dispatch()));
create policy dispatch_update on timers for update to callboard_engine using ((select app_dispatch()));
create policy dispatch_delete on timers for delete to callboard_engine using ((select app_dispatch()));
create policy dispatch on conversations for select to callboard_engine using ((select app_dispatch()));
create policy dispatch on integrations for select to callboard_engine using ((select app_dispatch()));
create policy dispatch on agents for select to callboard_engine using ((select app_dispatch()));
create policy dispatch on jobs for select to callboard_engine using ((select app_dispatch()));
create policy dispatch on api_keys for select to callboard_api using ((select app_dispatch()));
create policy dispatch on tenants for select to callboard_engine, callboard_api using ((select app_dispatch()));

-- Tables without tenant data.
grant select on placement, carriers, heartbeats, inbox_keys to callboard_api;
grant select, insert, update, delete on placement, carriers, heartbeats, inbox_keys, batches to callboard_engine;
grant select, update on inbox_floor, inbox_mark to callboard_engine;
grant usage on all sequences in schema public to callboard_api, callboard_engine;
grant select on sequence inbox_id_seq to callboard_engine;
