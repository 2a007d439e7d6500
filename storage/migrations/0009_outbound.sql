-- A contact nothing can be sent to, and a conversation whose key moved. Both begin from a row that this generation is
-- sending, and hold whether or not the row's own outcome is stored afterwards: repeating them changes nothing.

-- What waits for the contact fails, timers end, the conversation says so until the customer writes again. The host's
-- activation was computed without that: the version rises, so its turn loses and is decided anew.
create function outbox_unreachable(p_generation uuid, p_id bigint, p_reason text) returns int language plpgsql
set enable_seqscan = off set enable_bitmapscan = off as $$
declare v_tenant uuid; v_conversation bigint; v_rows int := 0; v_was boolean;
begin
  perform set_config('app.scope', 'dispatch', true);
  select o.tenant_id, o.conversation_id into v_tenant, v_conversation from outbox o
    where o.id = p_id and o.claimed_by = p_generation and o.state = 'sending';
  if not found then return 0; end if;
  perform set_config('app.tenants', array[v_tenant]::text, true);
  select coalesce((c.state->>'blocked')::boolean, false) into v_was from conversations c where c.id = v_conversation for update;
  update outbox o set state = 'failed', error = p_reason, claimed_by = null, lease_until = null
    where o.conversation_id = v_conversation and o.id <> p_id and o.state in ('pending', 'claimed');
  get diagnostics v_rows = row_count;
  delete from timers x where x.conversation_id = v_conversation;
  if not v_was then
    update conversations c set state = c.state || '{"blocked": true}', version = c.version + 1 where c.id = v_conversation;
    insert into activity_logs (tenant_id, kind, conversation_id, data)
    values (v_tenant, 'contact.unreachable', v_conversation, jsonb_build_object('reason', p_reason, 'failed', v_rows));
  end if;
  return v_rows;
end $$;

-- The key moves, with what waits in the inbox under the old one. If the new key has a conversation already (its customers
-- were faster), what is still to be sent and to be answered goes on there; the history stays where it was made.
create function outbox_moved(p_generation uuid, p_id bigint, p_key text, p_partition smallint) returns bigint language plpgsql
set enable_seqscan = off set enable_bitmapscan = off as $$
declare v_tenant uuid; v_from conversations; v_to bigint;
begin
  perform set_config('app.scope', 'dispatch', true);
  perform 1 from inbox_mark for update;                                 -- no floor rises meanwhile, see inbox_raise_floor
  select o.tenant_id into v_tenant from outbox o where o.id = p_id and o.claimed_by = p_generation and o.state = 'sending';
  if not found then return null; end if;
  perform set_config('app.tenants', array[v_tenant]::text, true);
  select c.* into v_from from outbox o join conversations c on c.id = o.conversation_id where o.id = p_id for update of c;
  if v_from.key = p_key then return v_from.id; end if;
  select c.id into v_to from conversations c where c.integration_id = v_from.integration_id and c.key = p_key;
  if v_to is null then
    update conversations c set key = p_key, partition = p_partition, version = c.version + 1 where c.id = v_from.id;
    v_to := v_from.id;
  else
    update conversations c set version = c.version + 1 where c.id = v_from.id;
    update outbox o set conversation_id = v_to where o.conversation_id = v_from.id and o.state in ('pending', 'claimed', 'sending');
  end if;
  -- Their ids may be below the floor of the new partition: it is lowered first, else they were never pulled again.
  update inbox_floor f set id = least(f.id, (select min(i.id) - 1 from inbox i
      where i.integration_id = v_from.integration_id and i.key = v_from.key and i.state = 'pending'))
    where f.partition = p_partition;
  update inbox i set key = p_key, partition = p_partition
    where i.integration_id = v_from.integration_id and i.key = v_from.key and i.state = 'pending';
  insert into activity_logs (tenant_id, kind, conversation_id, data)
  values (v_tenant, 'conversation.moved', v_to, jsonb_build_object('from', v_from.key, 'to', p_key, 'was', v_from.id));
  return v_to;
end $$;

revoke all on function outbox_unreachable(uuid, bigint, text), outbox_moved(uuid, bigint, text, smallint) from public;
grant execute on function outbox_unreachable(uuid, bigint, text), outbox_moved(uuid, bigint, text, smallint) to callboard_engine;
