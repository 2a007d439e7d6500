-- A lead that somebody moves ends the runs of sequences that say so. The turn of the lead's event tells the lead's chats, by an
-- input each, in its own transaction: a chat's own turn ends its runs, and until then no step of it is claimed.

-- A chat's lead is the one that it has in Kommo, else the last that an action of it found or made.
create function lead_moved(p_event_of bigint, p_lead text, p_stage text, p_event bigint) returns void language plpgsql
set enable_seqscan = off set enable_bitmapscan = off as $$
declare v_tenants text := current_setting('app.tenants'); v_account uuid; v_tenant uuid; v_raw bytea;
begin
  select c.integration_id, c.tenant_id into v_account, v_tenant from conversations c where c.id = p_event_of;
  v_raw := convert_to(jsonb_build_object('kind', 'lead_moved', 'payload', jsonb_build_object('lead', p_lead, 'stage', p_stage))::text, 'UTF8');
  perform inbox_ingest(array_agg(t.tenant_id), array_agg(t.integration_id), array_agg(t.key), array_agg(t.partition), array_agg('result'::text),
                       array_agg('lead-moved:' || p_event || ':' || t.id), array_agg(v_raw))
  from (
    select distinct c.id, c.tenant_id, c.integration_id, c.key, c.partition
    from (select distinct k.agent_id, k.definition ->> 'id' as key from sequence_copies k
          where k.tenant_id = v_tenant and k.definition -> 'stops_on' ? 'lead_moved') s
    join enrollments e on e.agent_id = s.agent_id and e.key = s.key and e.state in ('active', 'paused')
    join conversations c on c.id = e.conversation_id
    where c.state -> 'enrolled' -> e.key -> 'on' ? 'lead_moved' and p_lead = coalesce(
      case when c.integration_id = v_account and c.state -> 'reply_to' ->> 'entity_type' in ('lead', 'leads')
           then c.state -> 'reply_to' ->> 'entity_id' end,
      (select a.result ->> 'lead_id' from actions a
       where a.conversation_id = c.id and a.family = 'kommo' and a.state = 'done' and a.result ? 'lead_id'
         and a.result ->> 'integration' = v_account::text
       order by a.id desc limit 1))
  ) t
  having count(*) > 0;
  perform set_config('app.tenants', v_tenants, true);                   -- inbox_ingest leaves its own behind
end $$;

-- A step is not queued behind the back of what waits in the inbox, be it the customer's or what tells that the lead was moved.
create or replace function steps_overtaken(p_conversations bigint[], p_speaking bigint[], p_inputs bigint[]) returns bigint[] language plpgsql
set enable_seqscan = off set enable_bitmapscan = off as $$
begin
  perform from conversations c where c.id = any (p_conversations) order by c.id for update;
  return array(
    select c.id from conversations c
    where c.id = any (p_speaking) and exists (
      select from inbox i where i.integration_id = c.integration_id and i.key = c.key and i.state = 'pending' and i.kind in ('message', 'result')
        and i.id <> all (p_inputs))
      -- What is tried alone after a host's death is not sent back: it would count as a death of its own. The claim still asks.
      and not exists (select from inbox t where t.id = any (p_inputs) and t.integration_id = c.integration_id and t.key = c.key and t.attempts > 0));
end $$;

revoke all on function lead_moved(bigint, text, text, bigint) from public;
grant execute on function lead_moved(bigint, text, text, bigint) to callboard_engine;
