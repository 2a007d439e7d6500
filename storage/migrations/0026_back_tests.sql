-- Back-tests: rules tried on recorded turns. The events to look at go with their job.
create table back_test_events (
  position bigint generated always as identity,                         -- the order of lists: the newest first
  tenant_id uuid not null,
  job_id uuid not null,
  conversation_id bigint not null,
  turn_id uuid not null,
  outcome text not null check (outcome in ('fired', 'gained', 'lost', 'missed')),
  reason text not null default '',                                      -- why the rule does not fire; empty: it does
  body jsonb not null,                                                  -- storage/back_tests.py
  primary key (job_id, position),
  foreign key (tenant_id, job_id) references jobs (tenant_id, id) on delete cascade,
  foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade
);
create index back_test_events_conversation on back_test_events (conversation_id);
call protect_tenant_table('back_test_events');
