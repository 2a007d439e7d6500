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
  foreign key (tenant_id, job_id) references jobs (tenant_id, id) on delete cascade
);
call protect_tenant_table('replay_turns');
