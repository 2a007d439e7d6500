-- Questions without good answers: which turns had none is in the activity; which questions people do not want to see again is here.
create index activity_logs_choices on activity_logs (agent_id, id) where kind = 'turn.answered' and data ->> 'mode' = 'choices';
create table dismissed_questions (
  tenant_id uuid not null,
  agent_id uuid not null,
  key uuid not null,                                                    -- of the folded question: storage/knowledge/questions.py
  dismissed_at timestamptz not null default now(),
  dismissed_by text not null,
  primary key (agent_id, key),
  foreign key (tenant_id, agent_id) references agents (tenant_id, id)
);
call protect_tenant_table('dismissed_questions');
