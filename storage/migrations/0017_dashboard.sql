-- The dashboard: the activity log by what people ask for, and what it adds up to.

-- A feed of all tenants for who counts them, and one index for each kind of question: with a million rows a filter that
-- few rows pass must not walk over the others. Times need none: activity_marks turns them into transactions.
create index activity_logs_order on activity_logs (xid, id);
create index activity_logs_kind on activity_logs (tenant_id, kind, xid, id);
create index activity_logs_agent on activity_logs (tenant_id, agent_id, kind, xid, id);
create index activity_logs_conversation on activity_logs (tenant_id, conversation_id, xid, id) where conversation_id is not null;
create index conversations_waiting on conversations (tenant_id) where control = 'waiting';

-- Whose agent it was, where what wrote the row knew the conversation only.
create function activity_agent() returns trigger language plpgsql as $$
begin
  new.agent_id := (select g.agent_id from conversations c join integrations g on g.id = c.integration_id where c.id = new.conversation_id);
  return new;
end $$;
revoke all on function activity_agent() from public;
create trigger activity_agent before insert on activity_logs for each row
  when (new.agent_id is null and new.conversation_id is not null) execute function activity_agent();

-- A non-superuser owner is bound by forced row-level security, and without a tenant it would see no row.
alter table activity_logs no force row level security;
alter table conversations no force row level security;
alter table integrations no force row level security;
update activity_logs a set agent_id = g.agent_id from conversations c join integrations g on g.id = c.integration_id
where c.id = a.conversation_id and a.agent_id is null;
alter table activity_logs force row level security;
alter table conversations force row level security;
alter table integrations force row level security;

create policy counting on activity_logs for select to callboard_engine using ((select app_dispatch()));

-- What happened in an hour and in a day (of UTC), for each agent and channel. Times to answer are kept as a histogram whose
-- buckets grow by a tenth: actors/domain/rollups.py.
create table activity_rollups (
  tenant_id uuid not null references tenants (id),
  grain text not null check (grain in ('hour', 'day')),
  at timestamptz not null,                                              -- when it begins
  agent_id uuid,                                                        -- null: of no agent, as a login
  channel text not null default '',                                     -- empty: of no conversation
  turns int not null default 0,                                         -- with something from the customer in them
  messages int not null default 0,                                      -- of customers
  answered int not null default 0,                                      -- of these, those the agent answered and did not hand off
  handoffs int not null default 0,
  takeovers int not null default 0,
  errors int not null default 0,
  times jsonb not null default '{}',                                    -- bucket -> answers
  unique nulls not distinct (tenant_id, grain, at, agent_id, channel),
  foreign key (tenant_id, agent_id) references agents (tenant_id, id)
) with (fillfactor = 70);
create index activity_rollups_age on activity_rollups (at) where grain = 'hour';
call protect_tenant_table('activity_rollups');
create policy forgetting_select on activity_rollups for select to callboard_engine using ((select app_dispatch()) and grain = 'hour' and at < now() - interval '30 days');
create policy forgetting on activity_rollups for delete to callboard_engine using ((select app_dispatch()) and grain = 'hour' and at < now() - interval '30 days');

-- How far the log is counted: this row and the rollups are written in one transaction, so every fact counts once.
create table activity_progress (
  one bool primary key default true check (one),
  xid xid8 not null default '0',
  id bigint not null default 0,
  at timestamptz                                                        -- what was committed before is counted; null: never looked
) with (fillfactor = 50);
insert into activity_progress default values;

-- Which transactions there were when: of a row with `at` >= mark.at the xid is at least mark.low; one whose transaction
-- ended before mark.at has an xid below mark.high.
create table activity_marks (
  at timestamptz primary key default now(),
  low xid8 not null default pg_snapshot_xmin(pg_current_snapshot()),
  high xid8 not null default pg_snapshot_xmax(pg_current_snapshot())
);
grant select on activity_progress, activity_marks to callboard_api;
grant select, update on activity_progress to callboard_engine;
grant select, insert, delete on activity_marks to callboard_engine;
