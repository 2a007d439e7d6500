-- The web chat widget: a company's own site as a channel of ours, without a provider.

alter table integrations drop constraint integrations_channel_check;
alter table integrations add constraint integrations_channel_check check (channel in ('telegram', 'kommo', 'test', 'web'));

create table widgets (
  id uuid primary key,
  tenant_id uuid not null,
  agent_id uuid not null,
  integration_id uuid not null unique,                                  -- of the channel 'web'; its account is the widget's id
  token text not null unique check (token ~ '^cbw_[A-Za-z0-9_-]{22}$'), -- stands in the page for everybody to read: names the widget, proves nothing
  name text not null default '',
  origins text[] not null check (cardinality(origins) between 1 and 20), -- `https://shop.example`: where it may be used
  enabled bool not null default true,
  version int not null default 1,
  created_at timestamptz not null default now(),
  unique (tenant_id, id),
  foreign key (tenant_id, agent_id) references agents (tenant_id, id),
  foreign key (tenant_id, integration_id) references integrations (tenant_id, id)
);
create index widgets_agent on widgets (agent_id, created_at, id);
call protect_tenant_table('widgets');
-- A visitor's page knows the token only.
create policy dispatch on widgets for select to callboard_api using ((select app_dispatch()));

-- As in 0003, but for both channels of ours: what the commit stores is delivered, there is nothing to send.
create or replace function operator_reply(p_tenant uuid, p_conversation bigint, p_turn uuid, p_text text, p_by text)
returns table (message_id bigint, version int) language plpgsql as $$
declare v_version int; v_message bigint;
begin
  select k.version into v_version from conversation_control(p_tenant, p_conversation, 'human', p_by) k;
  if v_version is null then return; end if;
  insert into messages (tenant_id, conversation_id, version, turn_id, seq, role, body, mode)
  values (p_tenant, p_conversation, v_version, p_turn, 0, 'operator', p_text, 'operator') returning id into v_message;
  insert into outbox (tenant_id, conversation_id, integration_id, shard, turn_id, seq, class, policy, body)
  select p_tenant, c.id, g.id, g.shard, p_turn, 0, 'operator', g.reply_policy, jsonb_build_object('text', p_text)
  from conversations c join integrations g on g.id = c.integration_id where c.id = p_conversation and g.channel not in ('test', 'web');
  return query select v_message, v_version;
end $$;
