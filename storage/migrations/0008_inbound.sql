-- What few messages have besides their text, and by which name groups address a bot.
alter table messages add column data jsonb;                             -- files, album, what it answers, the button, earlier texts
alter table integrations add column username text not null default '';  -- without the @; empty: not known

-- What few turns write besides turns_commit, in its transaction and for its winners only:
-- [{"turn", "conversation", "data": [{"seq", "data"}], "revisions": [{"external_id", "body", "data"}], "stop": reason or null}]
create function turns_more(p_turns jsonb) returns void language plpgsql
set enable_seqscan = off set enable_bitmapscan = off as $$
declare t jsonb; r jsonb;
begin
  for t in select * from jsonb_array_elements(p_turns) loop
    for r in select * from jsonb_array_elements(t->'data') loop
      update messages m set data = r->'data' where m.turn_id = (t->>'turn')::uuid and m.seq = (r->>'seq')::smallint;
    end loop;
    for r in select * from jsonb_array_elements(t->'revisions') loop
      -- The newest: the ids of a chat never repeat, but a bot that is connected again starts its own count in the same chat.
      update messages m set body = r->>'body', data = coalesce(m.data, '{}') || (r->'data')
        || jsonb_build_object('edited', coalesce(m.data->'edited', '[]') || to_jsonb(m.body))
      where m.id = (select x.id from messages x where x.conversation_id = (t->>'conversation')::bigint and x.role = 'customer'
                      and x.external_id = r->>'external_id' order by x.id desc limit 1)
        and m.body <> r->>'body';
    end loop;
    if t->>'stop' is not null then
      update outbox o set state = 'failed', error = t->>'stop'
      where o.conversation_id = (t->>'conversation')::bigint and o.state = 'pending';
      delete from timers x where x.conversation_id = (t->>'conversation')::bigint;
    end if;
  end loop;
end $$;
revoke all on function turns_more(jsonb) from public;
grant execute on function turns_more(jsonb) to callboard_engine;
