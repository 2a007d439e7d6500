-- What is known of connected Kommo accounts without asking them: pipelines, stages, users, custom fields, leads and contacts.

create table kommo_mirror (
  tenant_id uuid not null,
  integration_id uuid not null,
  kind text not null check (kind in ('pipeline', 'stage', 'user', 'field', 'lead', 'contact')),
  key text not null,                                                    -- Kommo's id; a stage's with its pipeline's: 142 is in every one
  name text not null,
  data jsonb not null,
  seen_by uuid not null,                                                -- the last job that saw it
  change text not null check (change in ('added', 'changed', 'removed')),
  changed_by uuid not null,                                             -- the job that found the change
  changed_at timestamptz not null default now(),
  primary key (tenant_id, integration_id, kind, key),
  foreign key (tenant_id, integration_id) references integrations (tenant_id, id)
);
call protect_tenant_table('kommo_mirror');

-- The last sync of each sort that was finished, and from where the next one goes on.
create table kommo_syncs (
  tenant_id uuid not null,
  integration_id uuid not null,
  what text not null check (what in ('pipelines', 'contacts')),
  synced_by uuid not null,                                               -- a job; jobs are forgotten sooner
  since bigint,                                                         -- what changed in Kommo after this second is not here yet
  full_at timestamptz not null,                                         -- when everything was read last
  counts jsonb not null,
  finished_at timestamptz not null default now(),
  primary key (tenant_id, integration_id, what),
  foreign key (tenant_id, integration_id) references integrations (tenant_id, id)
);
call protect_tenant_table('kommo_syncs');

alter table kommo_accounts
  add column syncing_by uuid,                                           -- the job whose turn it is: one of an account at a time
  add column reconciled_to timestamptz;                                 -- until when Kommo's events were compared with the inbox

-- Every company with an account compares it with its inbox, by itself.
create function kommo_schedules() returns trigger language plpgsql as $$
begin
  insert into job_schedules (tenant_id, key, name, cron)
  values (new.tenant_id, 'crm:reconcile', 'crm:reconcile', '*/10 * * * *') on conflict (tenant_id, key) do nothing;
  return null;
end $$;
revoke all on function kommo_schedules() from public;
grant execute on function kommo_schedules() to callboard_api, callboard_engine;
create trigger kommo_schedules after insert on kommo_accounts for each row execute function kommo_schedules();
insert into job_schedules (tenant_id, key, name, cron)
select distinct k.tenant_id, 'crm:reconcile', 'crm:reconcile', '*/10 * * * *' from kommo_accounts k;
