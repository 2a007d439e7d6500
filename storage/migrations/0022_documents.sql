-- Documents that come as files and from the web: kept as they came, read by jobs.

alter table documents drop constraint documents_kind_check;
alter table documents add constraint documents_kind_check check (kind in ('text', 'markdown', 'csv', 'pdf', 'docx', 'html'));

-- A site whose pages are documents.
create table knowledge_sites (
  id uuid primary key default gen_random_uuid(),
  tenant_id uuid not null,
  base_id uuid not null,
  position bigint generated always as identity,                         -- the order of lists
  address text not null,                                                -- where it begins
  job_id uuid,                                                          -- the last one that read it; its row goes after some days
  problem_code text not null default '',                                -- why the last reading failed
  problem text not null default '',
  version int not null default 1,
  created_at timestamptz not null default now(),
  read_at timestamptz,                                                  -- the last time all of it was read
  changed_by text not null default '',
  deleted_at timestamptz,
  unique (tenant_id, id),
  foreign key (tenant_id, base_id) references knowledge_bases (tenant_id, id)
);
create index knowledge_sites_base on knowledge_sites (base_id, position);
call protect_tenant_table('knowledge_sites');

alter table documents
  add column origin text not null default 'typed' check (origin in ('typed', 'file', 'page')),
  add column file_name text not null default '',
  add column address text not null default '',                          -- of a page of the web
  add column site_id uuid,                                              -- whose page it is
  add column size bigint not null default 0,                            -- bytes, as it came
  add column state text not null default 'ready' check (state in ('reading', 'ready', 'failed')),
  add column problem_code text not null default '',                     -- why it cannot be read; `gone`: the site has it no longer
  add column problem text not null default '',
  add column job_id uuid,                                               -- the last one that read it
  add column digest bytea,                                              -- of what was read: what did not change is left alone
  add column read_at timestamptz,
  add foreign key (tenant_id, site_id) references knowledge_sites (tenant_id, id);
create unique index documents_pages on documents (site_id, address) where site_id is not null;

-- Beside the document: lists never touch it. What comes is mostly compressed already.
create table document_files (
  document_id uuid primary key,
  tenant_id uuid not null,
  content bytea not null,
  foreign key (tenant_id, document_id) references documents (tenant_id, id) on delete cascade
);
alter table document_files alter column content set storage external;
call protect_tenant_table('document_files');

alter table chunks
  add column page int,                                                  -- where it stands, for citations
  add column table_row int;
