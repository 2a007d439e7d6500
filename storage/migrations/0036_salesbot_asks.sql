-- Salesbots that wait for an answer (`widget_request`): each gave an address that is good for one answer (`continue`).

alter table kommo_accounts add column asked_at timestamptz;             -- when a Salesbot of the account asked last

create table kommo_asks (
  tenant_id uuid not null,
  integration_id uuid not null,
  path text not null check (path ~ '^/api/v4/(salesbot|marketingbot)/[0-9]{1,18}/continue/[0-9]{1,18}$'),
  entity text not null check (entity ~ '^(lead|contact):[0-9]{1,18}$'),  -- whose chat the bot is in
  asked_at timestamptz not null,
  held_until timestamptz not null default '-infinity',                  -- a sender is answering
  primary key (tenant_id, integration_id, path),
  foreign key (tenant_id, integration_id) references integrations (tenant_id, id)
);
call protect_tenant_table('kommo_asks');
create index kommo_asks_entity on kommo_asks (integration_id, entity, asked_at);
create policy dispatch on kommo_asks for select to callboard_engine using ((select app_dispatch()));
create policy dispatch_delete on kommo_asks for delete to callboard_engine
  using ((select app_dispatch()) and asked_at < now() - interval '1 day');

-- The gateway checks what a Salesbot signed before it knows the tenant.
create policy dispatch_engine on kommo_accounts for select to callboard_engine using ((select app_dispatch()));

-- In the transaction of the turns that heard of them. A bot that asks at the same address again waits again.
create function salesbots_asked(p_asks jsonb) returns void language plpgsql
set enable_seqscan = off as $$
begin
  insert into kommo_asks (tenant_id, integration_id, path, entity, asked_at)
  select distinct on (c.integration_id, a->>'path') c.tenant_id, c.integration_id, a->>'path', a->>'entity', (a->>'asked_at')::timestamptz
  from jsonb_array_elements(p_asks) a join conversations c on c.id = (a->>'conversation')::bigint
  order by c.integration_id, a->>'path', (a->>'asked_at')::timestamptz desc
  on conflict (tenant_id, integration_id, path) do update set asked_at = excluded.asked_at, entity = excluded.entity, held_until = '-infinity';
  with asking as (  -- locked in one order, whoever else commits
    select integration_id from kommo_accounts
    where integration_id in (
      select c.integration_id from jsonb_array_elements(p_asks) a join conversations c on c.id = (a->>'conversation')::bigint)
    order by integration_id for update)
  update kommo_accounts k set asked_at = clock_timestamp() from asking where k.integration_id = asking.integration_id;
end $$;

revoke all on function salesbots_asked(jsonb) from public;
grant execute on function salesbots_asked(jsonb) to callboard_engine;
