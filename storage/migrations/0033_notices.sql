-- What rules, sequences and tools tell operators reaches their own Telegram, too: a row each until the scheduler has said it.
create table notices (
  id bigint generated always as identity primary key,
  tenant_id uuid not null,
  conversation_id bigint not null,                                      -- whom it is about
  body text not null,
  created_at timestamptz not null default now(),
  foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade
);
create index notices_conversation on notices (conversation_id);
call protect_tenant_table('notices');
create policy dispatch on notices for select to callboard_engine using ((select app_dispatch()));

-- In the transaction of whatever tells; a company without operators in Telegram has the activity log. Test chats tell nobody.
create function notice_told() returns trigger language plpgsql as $$
begin
  insert into notices (tenant_id, conversation_id, body)
  select c.tenant_id, c.id, left(coalesce(new.data ->> 'text', ''), 2000)
  from conversations c join integrations g on g.id = c.integration_id
  where c.id = new.conversation_id and g.channel <> 'test' and exists (select from operator_chats o where o.tenant_id = new.tenant_id);
  return null;
end $$;
create trigger notice_told after insert on activity_logs for each row
  when (new.kind = 'operator.notice' and new.conversation_id is not null) execute function notice_told();
