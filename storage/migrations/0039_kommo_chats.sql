-- Kommo's Chats API: the conversations of an agent's own channels, shown as chats in its Kommo account.

create table kommo_channels (
  id uuid primary key,
  tenant_id uuid not null,
  integration_id uuid not null unique,                                  -- the Kommo account; one channel of ours in each
  channel_id text not null,                                             -- as Kommo registered it
  amojo_id text not null,                                               -- the account's id there
  scope_id text not null unique check (scope_id = channel_id || '_' || amojo_id),
  bot_id text not null default '',                                      -- in whose name answers are shown; empty: they are not
  title text not null default '',
  secret_encrypted bytea not null,                                      -- storage/crypto.py, for the id of this row
  connected_at timestamptz not null default clock_timestamp(),          -- what was said before is not shown
  watermark timestamptz not null default clock_timestamp(),             -- conversations that changed before were looked at
  due_at timestamptz not null default '-infinity',                      -- nothing is asked of Kommo before
  failures smallint not null default 0,                                 -- in a row
  problem text,                                                         -- for people; what waits goes on when it is connected again
  problem_code text,
  unique (tenant_id, id),
  foreign key (tenant_id, integration_id) references integrations (tenant_id, id)
);
call protect_tenant_table('kommo_channels');
create policy dispatch on kommo_channels for select to callboard_engine using ((select app_dispatch()));

create table kommo_chats (
  conversation_id bigint primary key,
  tenant_id uuid not null,
  channel uuid not null,
  ref_id text,                                                          -- Kommo's id of the chat; null: not made yet
  made_for text,                                                        -- the conversation's key then: a group may move to another one
  cursor bigint not null,                                               -- the last message that is done with
  sending bigint,                                                       -- committed before its bytes; its outcome is not known yet
  sending_since timestamptz,
  repeatable bool not null default false,                               -- Kommo said that it failed: not found, it is posted again
  looks smallint not null default 0,                                    -- into the chat's history, for the outcome
  worker uuid,
  lease_until timestamptz,
  due_at timestamptz,                                                   -- null: everything is shown
  error text,
  shown int not null default 0,
  uncertain int not null default 0,                                     -- outcomes that could not be known; stays for ever
  last_shown_at timestamptz,
  foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade,
  foreign key (tenant_id, channel) references kommo_channels (tenant_id, id) on delete cascade
) with (fillfactor = 70);
call protect_tenant_table('kommo_chats');
create index kommo_chats_due on kommo_chats (channel, due_at) where due_at is not null;

-- A chat of ours in Kommo has an address there, too. What Kommo's ordinary webhook tells of it was said here already:
-- a row of this kind exists before the first message is posted, and every input that comes to it is ignored.
alter table conversations drop constraint conversations_kind_check;
alter table conversations add constraint conversations_kind_check check (kind in ('chat', 'lead', 'contact', 'tenant', 'mirror'));

-- In the transaction of the turn, which holds the conversation: what a person wrote elsewhere is an operator's answer, as
-- operator_reply stores it (0006). Nobody of ours has the conversation then; whoever has it already keeps it.
create function turns_wrote(p_wrote jsonb) returns void language plpgsql
set enable_seqscan = off set enable_bitmapscan = off as $$
declare w jsonb; v_tenant uuid; v_conversation bigint; v_version int;
begin
  -- In the order of ids, as far as it is ours to choose: delivery locks rows of many conversations, too.
  perform 1 from outbox o
  where o.state in ('pending', 'claimed')
    and o.conversation_id = any (array(select (x->>'conversation')::bigint from jsonb_array_elements(p_wrote) x))
  order by o.id for update;
  for w in select * from jsonb_array_elements(p_wrote) loop
    v_tenant := (w->>'tenant')::uuid;
    v_conversation := (w->>'conversation')::bigint;
    select k.version into v_version
    from conversation_control(v_tenant, v_conversation, 'human', coalesce(nullif(w->>'name', ''), 'a person in Kommo')) k;
    insert into messages (tenant_id, conversation_id, version, turn_id, seq, inbox_id, role, body, mode, external_id, data)
    values (v_tenant, v_conversation, v_version, (w->>'turn')::uuid, (w->>'seq')::smallint, (w->>'inbox')::bigint, 'operator', w->>'text',
            'operator', w->>'id', jsonb_build_object('by', coalesce(w->>'name', '')));
    insert into outbox (tenant_id, conversation_id, integration_id, shard, turn_id, seq, class, policy, body)
    select v_tenant, c.id, g.id, g.shard, (w->>'turn')::uuid, (w->>'seq')::smallint, 'operator', g.reply_policy,
           jsonb_build_object('text', w->>'text')
    from conversations c join integrations g on g.id = c.integration_id where c.id = v_conversation and g.channel not in ('test', 'web');
  end loop;
end $$;
revoke all on function turns_wrote(jsonb) from public;
grant execute on function turns_wrote(jsonb) to callboard_engine;
