-- What a site offers a new agent: one row for each agent that was begun from an address. It stays when its job is forgotten.
create table site_proposals (
  agent_id uuid primary key,
  tenant_id uuid not null,
  site_id uuid not null,
  found jsonb,                                                          -- actors/domain/proposing/models.py; null: not yet
  made_at timestamptz,
  accepted_at timestamptz,                                              -- scripts were made of it; once
  accepted_by text not null default '',
  foreign key (tenant_id, agent_id) references agents (tenant_id, id),
  foreign key (tenant_id, site_id) references knowledge_sites (tenant_id, id)
);
create index site_proposals_waiting on site_proposals (tenant_id) where accepted_at is null;
create index site_proposals_site on site_proposals (site_id);
call protect_tenant_table('site_proposals');
