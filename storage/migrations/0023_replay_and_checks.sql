-- Replays: recorded conversations are read turn by turn, in their order.
create index traces_conversation on traces (conversation_id, created_at);

-- What came of each turn; goes with its job.
create table replay_turns (
  position bigint generated always as identity,                         -- the order of lists
  tenant_id uuid not null,
  job_id uuid not null,
  conversation_id bigint not null,
  title text not null,                                                  -- of the conversation, as it was
  number int not null,                                                  -- the turn's place in it
  turn_id uuid not null,                                                -- as recorded
  outcome text not null check (outcome in ('same', 'differs', 'asked', 'skipped')),
  body jsonb not null,                                                  -- both sides: actors/ports/replays.py
  primary key (job_id, position),
  foreign key (tenant_id, job_id) references jobs (tenant_id, id) on delete cascade,
  foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade
);
create index replay_turns_conversation on replay_turns (conversation_id);
call protect_tenant_table('replay_turns');

-- Regression cases: what an agent must go on answering, and what came of it when they were run last.
create table regression_cases (
  id uuid primary key default gen_random_uuid(),
  tenant_id uuid not null,
  agent_id uuid not null,
  position bigint generated always as identity,                         -- the order of lists
  question text not null check (length(question) between 1 and 500),
  language text not null default '',                                    -- empty: as the question shows
  expects text not null check (expects in ('script', 'passage', 'handoff', 'text')),
  value text not null default '' check (length(value) <= 500),          -- id of the script or passage; what the text contains
  message_id bigint,                                                    -- the reply that was wrong
  created_at timestamptz not null default now(),
  created_by text not null default '',
  deleted_at timestamptz,
  outcome text check (outcome in ('passed', 'failed', 'open')),         -- null: never run; open: a model would have to be asked
  outcome_version int,                                                  -- of the version it was run on
  outcome_at timestamptz,
  said jsonb,                                                           -- what was answered then: actors/ports/checks.py
  unique (tenant_id, id),
  foreign key (tenant_id, agent_id) references agents (tenant_id, id)
);
create index regression_cases_agent on regression_cases (agent_id, position);
call protect_tenant_table('regression_cases');
