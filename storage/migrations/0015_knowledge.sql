-- Knowledge: documents of a base cut into chunks, their vectors, and which agents answer from which base.

create table knowledge_bases (
  id uuid primary key,
  tenant_id uuid not null references tenants (id),
  name text not null,
  version bigint not null default 1,                                    -- rises in every transaction that changes what a search finds
  embedded bigint not null default 1,                                   -- the version whose chunks all have vectors; behind: work for a KnowledgeActor
  embedder text not null default '',                                    -- whose vectors are searched; empty: none yet
  created_at timestamptz not null default now(),
  unique (tenant_id, id)
);

create table knowledge_bindings (
  tenant_id uuid not null,
  agent_id uuid not null,
  base_id uuid not null,
  primary key (agent_id, base_id),
  foreign key (tenant_id, agent_id) references agents (tenant_id, id),
  foreign key (tenant_id, base_id) references knowledge_bases (tenant_id, id)
);
create index knowledge_bindings_base on knowledge_bindings (base_id);

create table documents (
  id uuid primary key,
  tenant_id uuid not null,
  base_id uuid not null,
  position bigint generated always as identity,                         -- the order of lists
  title text not null,
  kind text not null check (kind in ('text', 'markdown', 'csv')),
  source text not null,                                                 -- as it was given
  version int not null default 1,
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  changed_by text not null default '',
  deleted_at timestamptz,                                               -- its chunks stay, so that undoing is immediate
  unique (tenant_id, id),
  foreign key (tenant_id, base_id) references knowledge_bases (tenant_id, id)
);
create index documents_base on documents (base_id, position);

create table chunks (
  id bigint generated always as identity primary key,
  tenant_id uuid not null,
  base_id uuid not null,
  document_id uuid not null,
  position int not null,
  heading text not null default '',
  text text not null,
  unique (tenant_id, id),
  foreign key (tenant_id, base_id) references knowledge_bases (tenant_id, id),
  foreign key (tenant_id, document_id) references documents (tenant_id, id) on delete cascade
);
create index chunks_document on chunks (document_id, position);
create index chunks_base on chunks (base_id);

-- Normalised, little-endian float32. A chunk may have vectors of two embedders while a base moves from one to the other.
create table chunk_vectors (
  chunk_id bigint not null,
  tenant_id uuid not null,
  base_id uuid not null,
  embedder text not null check (embedder <> ''),
  dimension smallint not null check (dimension > 0),
  vector bytea not null check (octet_length(vector) = 4 * dimension),
  primary key (chunk_id, embedder),
  foreign key (tenant_id, base_id) references knowledge_bases (tenant_id, id),
  foreign key (tenant_id, chunk_id) references chunks (tenant_id, id) on delete cascade
);
create index chunk_vectors_base on chunk_vectors (base_id, embedder);
alter table chunk_vectors alter column vector set storage external;     -- random bytes do not compress; measured 15 times faster than real[]

call protect_tenant_table('knowledge_bases');
call protect_tenant_table('knowledge_bindings');
call protect_tenant_table('documents');
call protect_tenant_table('chunks');
call protect_tenant_table('chunk_vectors');
-- A KnowledgeActor finds the bases that have work before their tenants are known.
create policy dispatch on knowledge_bases for select to callboard_engine using ((select app_dispatch()));
