-- What reaches an agent's rules without a customer: the clock, and systems of the tenant's own. Its address is the agent's own
-- endpoint (channel `agent`) with a key of the rule's, `rule:KEY`; nobody reads there, nothing is sent.

alter table integrations drop constraint integrations_channel_check;
alter table integrations add constraint integrations_channel_check check (channel in ('telegram', 'kommo', 'test', 'web', 'agent'));

-- The agent's own endpoint, made when it is needed first. Its shard only says which sender carries out its actions.
create function agent_endpoint(p_tenant uuid, p_agent uuid) returns uuid language plpgsql as $$
declare v_id uuid;
begin
  insert into integrations (id, tenant_id, agent_id, channel, account, shard)
  values (gen_random_uuid(), p_tenant, p_agent, 'agent', p_agent::text, hashtext(p_agent::text) & 255)
  on conflict (channel, account) where status <> 'disconnected' do nothing;
  select g.id into v_id from integrations g where g.channel = 'agent' and g.account = p_agent::text and g.status <> 'disconnected';
  return v_id;
end $$;

-- When rules of published versions are due. Follows what is published, whoever publishes.
create table rule_schedules (
  id uuid primary key default gen_random_uuid(),
  tenant_id uuid not null,
  agent_id uuid not null,
  integration_id uuid not null,                                         -- the agent's own endpoint
  rule text not null,                                                   -- its key
  cron text not null,                                                   -- five fields, see actors/domain/cron.py
  time_zone text not null,                                              -- IANA
  next_at timestamptz,                                                  -- null: not worked out yet
  unique (tenant_id, id),
  unique (agent_id, rule),
  foreign key (tenant_id, agent_id) references agents (tenant_id, id),
  foreign key (tenant_id, integration_id) references integrations (tenant_id, id)
);
create index rule_schedules_due on rule_schedules (next_at nulls first);
create index rule_schedules_integration on rule_schedules (tenant_id, integration_id);
call protect_tenant_table('rule_schedules');
create policy dispatch_select on rule_schedules for select to callboard_engine using ((select app_dispatch()));
create policy dispatch_update on rule_schedules for update to callboard_engine using ((select app_dispatch()));

create function agent_schedules() returns trigger language plpgsql as $$
declare v_rules jsonb;
begin
  select coalesce(jsonb_agg(r.rule), '[]') into v_rules
  from agent_versions v cross join lateral jsonb_array_elements(coalesce(v.definition -> 'rules', '[]')) r (rule)
  where v.agent_id = new.id and v.version = new.published_version and new.archived_at is null
    and r.rule -> 'trigger' ->> 'on' = 'schedule' and coalesce((r.rule ->> 'enabled')::bool, true);
  delete from rule_schedules s where s.agent_id = new.id and not v_rules @> jsonb_build_array(jsonb_build_object('id', s.rule));
  if v_rules <> '[]' then
    insert into rule_schedules as s (tenant_id, agent_id, integration_id, rule, cron, time_zone)
    select new.tenant_id, new.id, e.id, r.rule ->> 'id', r.rule -> 'trigger' ->> 'cron', coalesce(r.rule ->> 'timezone', 'UTC')
    from agent_endpoint(new.tenant_id, new.id) e (id) cross join jsonb_array_elements(v_rules) r (rule)
    on conflict (agent_id, rule) do update set cron = excluded.cron, time_zone = excluded.time_zone, next_at = null
    where (s.cron, s.time_zone) is distinct from (excluded.cron, excluded.time_zone);
  end if;
  return null;
end $$;
create trigger agent_schedules after update of published_version, archived_at on agents for each row execute function agent_schedules();

do $$
declare f regprocedure;
begin
  for f in select p.oid::regprocedure from pg_proc p where p.pronamespace = 'public'::regnamespace
           and p.proname in ('agent_endpoint', 'agent_schedules') loop
    execute format('revoke all on function %s from public', f);
    execute format('grant execute on function %s to callboard_api, callboard_engine', f);
  end loop;
end $$;
