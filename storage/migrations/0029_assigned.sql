-- Whose a conversation is: asked first when a person is needed.
alter table conversations add column assigned_to uuid, add foreign key (tenant_id, assigned_to) references users (tenant_id, id);
create index conversations_assigned on conversations (assigned_to, last_at desc, id desc) where assigned_to is not null;
