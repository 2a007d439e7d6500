-- Kommo's webhooks: what the company's side wrote in the channel itself, and events that have no id of their own.

alter table outbox add column echo_id text;                             -- the channel's id of the message, as it was seen there

-- Identical events within two hours are one: Kommo repeats for at most 1 h 35 min (storage/housekeeping.py forgets them).
create index inbox_keys_events on inbox_keys (received_at) where dedupe_key like 'kommo-event:%';

-- What of a text survives a channel: spaces, line ends and marks of formatting may change on the way.
create function words_of(p_text text) returns text language sql immutable parallel safe as $$
  select translate(regexp_replace(coalesce(p_text, ''), '[\s\u00a0\u200b]+', '', 'g'), '*_`~#>[]()!\-•', '')
$$;

-- The row of ours that a message seen in the channel is: by the channel's id; else the oldest with the same text, within two
-- minutes by either clock, that no other message was found to be. A channel that takes long texts in parts shows parts, and
-- buttons as lines below the text. `whole` says that nothing of it is missing.
create function outbox_echoed(p_conversation bigint, p_heard jsonb, out id bigint, out whole bool) language sql stable
set enable_seqscan = off as $$
  select o.id, o.said = h.words or o.same_id or o.starts
  from (select p_heard->>'id' as id, words_of(p_heard->>'text') as words) h
  cross join lateral (
    select m.turn_id, m.seq from messages m
    where m.conversation_id = p_conversation and m.role in ('agent', 'operator') order by m.id desc limit 50
  ) m
  cross join lateral (
    select x.id, x.echo_id, w.said, coalesce(h.id in (x.provider_message_id, x.echo_id), false) as same_id,
           (x.body ? 'buttons' or x.body ? 'media') and starts_with(h.words, w.said) as starts,
           least(abs(extract(epoch from coalesce(x.sent_at, x.claimed_at)) - (p_heard->>'said_at')::float8),
                 abs(extract(epoch from coalesce(x.sent_at, x.claimed_at)) - (p_heard->>'received_at')::float8)) as apart_s
    from outbox x cross join lateral (select words_of(x.body->>'text') as said) w
    where x.turn_id = m.turn_id and x.seq = m.seq and x.state in ('sending', 'sent', 'unknown') limit 1
  ) o
  where o.same_id
     or (h.words <> '' and o.said <> '' and o.apart_s <= 120
         and ((o.echo_id is null and (o.said = h.words or o.starts)) or (length(h.words) >= 40 and strpos(o.said, h.words) > 0)))
  order by o.same_id desc, o.said = h.words desc, o.id limit 1
$$;

-- In the transaction of the turn, which holds the conversation: whose message was it? Ours: then it is sent, whatever was
-- known of it. `sending` was committed before the bytes, so a row that is being written now is found, too; its own outcome
-- finds it settled later and changes nothing. A person's: takes the conversation over, and stays in it as an operator's message.
create function turns_overheard(p_heard jsonb) returns void language plpgsql
set enable_seqscan = off set enable_bitmapscan = off as $$
declare h jsonb; v_tenant uuid; v_conversation bigint; v_ours record; v_conversation_row conversations;
begin
  -- In the order of ids, as far as it is ours to choose: delivery locks rows of many conversations, too.
  perform 1 from outbox o
  where o.state in ('pending', 'claimed', 'sending')
    and o.conversation_id = any (array(select (x->>'conversation')::bigint from jsonb_array_elements(p_heard) x))
  order by o.id for update;
  for h in select * from jsonb_array_elements(p_heard) loop
    v_tenant := (h->>'tenant')::uuid;
    v_conversation := (h->>'conversation')::bigint;
    select * into v_ours from outbox_echoed(v_conversation, h);
    if v_ours.id is not null then
      perform overheard_ours(v_ours.id, v_ours.whole, h);
      continue;
    end if;
    if h->>'by' = 'bot' then
      insert into activity_logs (tenant_id, kind, conversation_id, turn_id, data)
      values (v_tenant, 'conversation.other_bot', v_conversation, (h->>'turn')::uuid,
              jsonb_build_object('name', h->>'name', 'text', left(h->>'text', 160)));
      continue;
    end if;
    select c.* into v_conversation_row from conversations c where c.id = v_conversation;
    if v_conversation_row.control <> 'human' then
      perform conversation_control(v_tenant, v_conversation, 'human', coalesce(nullif(h->>'name', ''), 'a person in the channel'));
    end if;
    insert into messages (tenant_id, conversation_id, version, turn_id, seq, inbox_id, role, body, mode, external_id)
    select v_tenant, c.id, c.version, (h->>'turn')::uuid, (h->>'seq')::smallint, (h->>'inbox')::bigint, 'operator', h->>'text', 'operator', h->>'id'
    from conversations c where c.id = v_conversation;
  end loop;
end $$;

create function overheard_ours(p_outbox bigint, p_whole bool, p_heard jsonb) returns void language plpgsql
set enable_seqscan = off as $$
declare v_was outbox;
begin
  select o.* into v_was from outbox o where o.id = p_outbox for update;
  if p_whole and v_was.state in ('sending', 'sent', 'unknown') then
    update outbox o set echo_id = coalesce(o.echo_id, p_heard->>'id'), provider_message_id = coalesce(o.provider_message_id, p_heard->>'id'),
      state = 'sent', sent_at = coalesce(o.sent_at, clock_timestamp()), claimed_by = null, lease_until = null
    where o.id = p_outbox;
  end if;
  if v_was.state = 'unknown' then
    insert into activity_logs (tenant_id, kind, conversation_id, turn_id, data)
    values (v_was.tenant_id, 'delivery.found', v_was.conversation_id, v_was.turn_id,
            jsonb_build_object('outbox_id', v_was.id, 'state', 'sent', 'uncertain', v_was.uncertain));
  end if;
end $$;

do $$
declare f regprocedure;
begin
  for f in select p.oid::regprocedure from pg_proc p where p.pronamespace = 'public'::regnamespace
           and p.proname in ('words_of', 'outbox_echoed', 'turns_overheard', 'overheard_ours') loop
    execute format('revoke all on function %s from public', f);
    execute format('grant execute on function %s to callboard_engine', f);
  end loop;
end $$;
