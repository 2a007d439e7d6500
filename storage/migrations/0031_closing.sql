-- People close conversations: what still waits in them ends, and lists leave them out until somebody says something. A turn sets
-- `last_at`, so the customer's next message opens a conversation without the commit knowing of it.
alter table conversations add column closed_at timestamptz;

-- Closed is what nobody waits in. A stop that withdraws a queued answer, and people whose answer waited behind the close, change who
-- has the conversation and not, or too early, `last_at`: they open it as well.
create function conversation_is_closed(c conversations) returns bool language sql immutable as $$
  select c.closed_at is not null and c.closed_at >= c.last_at and c.control = 'bot'
$$;

-- The version rises, so that a turn in progress loses and is decided anew: what it says then opens the conversation again.
-- What is queued is still sent, but for steps of sequences; what has become due and lies in the inbox ends, too, and the notice of a
-- message that died. Returns nothing if there is no such conversation of a customer.
create function conversation_close(p_tenant uuid, p_conversation bigint, p_by text) returns setof bigint language plpgsql as $$
declare v conversations; v_agent uuid; v_key text;
begin
  select c.* into v from conversations c where c.id = p_conversation and c.tenant_id = p_tenant and c.kind = 'chat' and not c.state ? 'operator'
  for update;
  if not found then return; end if;
  if conversation_is_closed(v) then return next v.id; return; end if;
  select g.agent_id into v_agent from integrations g where g.id = v.integration_id;
  if v.control <> 'bot' then perform conversation_control(p_tenant, v.id, 'bot', p_by); end if;
  update handoffs h set closed_at = now() where h.conversation_id = v.id and h.closed_at is null;
  for v_key in select e.key from enrollments e where e.conversation_id = v.id and e.state in ('active', 'paused') order by e.key loop
    perform enrollment_control(p_tenant, v_agent, v.id, v_key, 'stop', null, null, p_by);
  end loop;
  delete from timers t where t.conversation_id = v.id;
  -- After the timers: whoever makes inputs of them has committed by then. A host that has one in hand loses its turn.
  update inbox i set state = 'done', reason = 'the conversation was closed'
  where i.integration_id = v.integration_id and i.key = v.key and i.state = 'pending' and i.kind = 'timer';
  update conversations c set version = c.version + 1, state = c.state - 'open', closed_at = greatest(clock_timestamp(), c.last_at)
  where c.id = v.id;
  insert into activity_logs (tenant_id, kind, agent_id, conversation_id, data)
  values (p_tenant, 'conversation.closed', v_agent, v.id, jsonb_build_object('by', p_by));
  return next v.id;
end $$;

create function conversation_open(p_tenant uuid, p_conversation bigint, p_by text) returns setof bigint language plpgsql as $$
declare v conversations;
begin
  select c.* into v from conversations c where c.id = p_conversation and c.tenant_id = p_tenant and c.kind = 'chat' for update;
  if not found then return; end if;
  if conversation_is_closed(v) then
    update conversations c set closed_at = null where c.id = v.id;
    insert into activity_logs (tenant_id, kind, agent_id, conversation_id, data)
    select p_tenant, 'conversation.opened', g.agent_id, v.id, jsonb_build_object('by', p_by) from integrations g where g.id = v.integration_id;
  end if;
  return next v.id;
end $$;
revoke all on function conversation_close(uuid, bigint, text), conversation_open(uuid, bigint, text), conversation_is_closed(conversations) from public;
grant execute on function conversation_close(uuid, bigint, text), conversation_open(uuid, bigint, text), conversation_is_closed(conversations)
  to callboard_api, callboard_engine;
