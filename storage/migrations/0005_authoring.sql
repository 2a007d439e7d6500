-- Authoring: an agent's draft and its scripts are edited row by row; what hosts run is always an immutable agent_versions row.

-- A non-superuser owner is bound by forced row-level security, and without a tenant it would see no row to carry over.
alter table agents no force row level security;
alter table agent_versions no force row level security;

alter table agents add column last_version int not null default 0;      -- numbers are given out once, to snapshots as well
update agents a set last_version = coalesce((select max(v.version) from agent_versions v where v.agent_id = a.id), 0);

alter table agent_versions
  alter column published_at drop not null,                              -- null: a snapshot of a draft, made for the test chat
  alter column published_at drop default,
  add column published_by text,
  add column created_at timestamptz not null default now(),
  add column created_by text not null default '',
  add column note text not null default '',
  add column copy_of int,                                               -- the older version whose content was published again
  add column content_hash bytea;                                        -- sha256 of the definition as PostgreSQL writes it
update agent_versions set created_at = published_at, content_hash = sha256(convert_to(definition::text, 'UTF8'));
alter table agent_versions alter column content_hash set not null;
create index agent_versions_content on agent_versions (agent_id, content_hash);

create table agent_drafts (
  agent_id uuid primary key,
  tenant_id uuid not null,
  persona jsonb not null default '{}',
  passages jsonb not null default '[]',
  version int not null default 1,                                       -- the ETag: rises with name, persona and passages
  as_version int,                                                       -- the agent_versions row with just this content; null since a change
  changed_at timestamptz not null default now(),                        -- of anything that would be published, scripts included
  changed_by text not null default '',
  unique (tenant_id, agent_id),
  foreign key (tenant_id, agent_id) references agents (tenant_id, id)
);

-- `definition` is the script as it is published (actors/domain/scripts/models.py); columns repeat what lists go by.
create table scripts (
  id uuid primary key,
  tenant_id uuid not null,
  agent_id uuid not null,
  position bigint generated always as identity,                         -- the order of equals, in lists and when they match
  definition jsonb not null,
  key text not null generated always as (definition ->> 'id') stored,   -- how traces name it
  name text not null generated always as (coalesce(definition ->> 'name', definition ->> 'id')) stored,
  enabled bool not null generated always as (coalesce((definition ->> 'enabled')::bool, true)) stored,
  priority int not null generated always as (coalesce((definition ->> 'priority')::int, 0)) stored,
  search text not null,                                                 -- folded name, phrases, keywords and answers: storage/authoring/search.py
  version int not null default 1,
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  changed_by text not null default '',
  deleted_at timestamptz,
  unique (tenant_id, id),
  unique (agent_id, key),                                               -- deleted ones keep theirs: restoring never collides
  foreign key (tenant_id, agent_id) references agents (tenant_id, id)
);
create index scripts_agent on scripts (agent_id, position);

insert into agent_drafts (agent_id, tenant_id, persona, passages, as_version)
select a.id, a.tenant_id, coalesce(v.definition -> 'persona', '{}'), coalesce(v.definition -> 'passages', '[]'), v.version
from agents a left join agent_versions v on v.agent_id = a.id and v.version = a.published_version;

insert into scripts (id, tenant_id, agent_id, definition, search)
select gen_random_uuid(), v.tenant_id, v.agent_id, s.script,
       replace(lower(concat_ws(E'\n', s.script ->> 'name', jsonb_path_query_array(s.script, '$.phrases[*]'),
                               jsonb_path_query_array(s.script, '$.keywords[*]'), jsonb_path_query_array(s.script, '$.answer.*'))), 'ё', 'е')
from agents a
join agent_versions v on v.agent_id = a.id and v.version = a.published_version
cross join lateral jsonb_array_elements(case jsonb_typeof(v.definition -> 'scripts') when 'array' then v.definition -> 'scripts' else '[]' end)
  with ordinality s (script, n)
order by v.agent_id, s.n;

alter table agents force row level security;
alter table agent_versions force row level security;
call protect_tenant_table('agent_drafts');
call protect_tenant_table('scripts');

-- A test conversation keeps to one version from its first message on; null follows what is published.
alter table conversations add column pinned_version int check (pinned_version > 0);

drop function conversations_activate(uuid[], uuid[], text[], text[], smallint[]);
create function conversations_activate(p_tenants uuid[], p_integrations uuid[], p_keys text[], p_kinds text[], p_partitions smallint[])
returns table (id bigint, tenant_id uuid, integration_id uuid, key text, partition smallint, version int, control text, state text,
               agent_id uuid, channel text, account text, reply_policy text, shard smallint, pinned_version int) language plpgsql as $$
begin
  perform set_config('app.tenants', (select array_agg(distinct t)::text from unnest(p_tenants) t), true);
  insert into conversations (tenant_id, integration_id, key, kind, partition)
  select u.* from unnest(p_tenants, p_integrations, p_keys, p_kinds, p_partitions) u (tenant_id, integration_id, key, kind, partition)
  order by u.integration_id, u.key on conflict do nothing;
  return query
  select c.id, c.tenant_id, c.integration_id, c.key, c.partition, c.version, c.control, c.state::text,
         g.agent_id, g.channel, g.account, g.reply_policy, g.shard, c.pinned_version
  from unnest(p_integrations, p_keys) u (integration_id, key)
  cross join lateral (select x.* from conversations x where x.integration_id = u.integration_id and x.key = u.key limit 1) c
  join integrations g on g.id = c.integration_id;
end $$;
revoke all on function conversations_activate(uuid[], uuid[], text[], text[], smallint[]) from public;
grant execute on function conversations_activate(uuid[], uuid[], text[], text[], smallint[]) to callboard_engine;
alter function conversations_activate(uuid[], uuid[], text[], text[], smallint[]) set enable_seqscan = off;
alter function conversations_activate(uuid[], uuid[], text[], text[], smallint[]) set enable_bitmapscan = off;
