-- What a company keeps is said by kind: activity, traces (with what channels sent), and conversations that fell silent.
update job_schedules set payload = jsonb_build_object('activity_days', (payload ->> 'days')::int, 'traces_days', 30, 'conversations_days', null)
where key = 'activity:retention' and payload ? 'days';
update jobs set payload = jsonb_build_object('activity_days', (payload ->> 'days')::int, 'traces_days', 30, 'conversations_days', null)
where name = 'activity:retention' and payload ? 'days';
create or replace function tenant_schedules() returns trigger language plpgsql as $$
begin
  insert into job_schedules (tenant_id, key, name, payload, cron)
  values (new.id, 'activity:retention', 'activity:retention', '{"activity_days": 365, "traces_days": 30, "conversations_days": null}', '17 3 * * *');
  return null;
end $$;

-- Inputs go by age, too; as for activity, a block range index costs what takes them in next to nothing.
create index inbox_age on inbox using brin (received_at) with (pages_per_range = 16);

-- Whether nobody said anything for so many days, and nothing is left to be done. An operator's own chat is none of a customer.
create function conversation_is_over(c conversations, p_days int) returns bool language sql stable as $$
  select c.kind = 'chat' and c.last_at < now() - p_days * interval '1 day' and not c.state ? 'operator'
    and not exists (select from enrollments e where e.conversation_id = c.id and e.state in ('active', 'paused'))
    and not exists (select from timers t where t.conversation_id = c.id)
    and not exists (select from outbox o where o.conversation_id = c.id and o.state in ('pending', 'claimed', 'sending'))
    and not exists (select from actions a where a.conversation_id = c.id and a.state in ('pending', 'claimed', 'sending'))
    and not exists (select from inbox i where i.integration_id = c.integration_id and i.key = c.key and i.state = 'pending')
$$;

-- Conversations that are over, with everything that was said and done in them. A customer who comes back begins anew.
create function conversations_forget(p_tenant uuid, p_days int, p_limit int) returns int language plpgsql as $$
declare v_ids bigint[];
begin
  select array_agg(o.id) into v_ids from (
    select c.id from conversations c where c.tenant_id = p_tenant and conversation_is_over(c, p_days)
    order by c.last_at limit p_limit for update of c skip locked) o;
  if v_ids is null then return 0; end if;
  delete from outbox o where o.conversation_id = any (v_ids);
  delete from enrollments e where e.conversation_id = any (v_ids);
  delete from actions a where a.conversation_id = any (v_ids);
  delete from handoff_asks k using handoffs h where h.id = k.handoff_id and h.conversation_id = any (v_ids);
  delete from handoffs h where h.conversation_id = any (v_ids);
  delete from operator_tries t where t.conversation_id = any (v_ids);
  delete from traces t where t.conversation_id = any (v_ids);
  delete from messages m where m.conversation_id = any (v_ids);
  delete from activity_logs a where a.tenant_id = p_tenant and a.conversation_id = any (v_ids);
  -- What came meanwhile is answered in a new conversation; dead letters wait for a person.
  delete from inbox i using conversations c
    where c.id = any (v_ids) and i.integration_id = c.integration_id and i.key = c.key and i.state = 'done';
  delete from kommo_subjects s using unnest(v_ids) x
    where s.tenant_id = p_tenant and s.subject in ('contact:conversation:' || x, 'lead:conversation:' || x);
  delete from conversations c where c.id = any (v_ids);
  return array_length(v_ids, 1);
end $$;
revoke all on function conversations_forget(uuid, int, int), conversation_is_over(conversations, int) from public;
grant execute on function conversations_forget(uuid, int, int) to callboard_engine;
grant execute on function conversation_is_over(conversations, int) to callboard_engine, callboard_api;
