-- What companies spend on models, by day (of UTC): counted in the commit of the turn that spent it.
create table spend (
  tenant_id uuid not null references tenants (id),
  day date not null,
  micros bigint not null default 0 check (micros >= 0),                 -- millionths of a dollar
  answers int not null default 0,
  prompt_tokens bigint not null default 0,
  completion_tokens bigint not null default 0,
  refused int not null default 0,                                       -- turns that asked no model because the limit was reached
  primary key (tenant_id, day)
);
call protect_tenant_table('spend');

-- What turns spent, in the transaction of turns_commit and for its winners only. The first refusal of a day is told to people.
-- [{"tenant", "turn", "conversation", "agent", "micros", "prompt", "completion", "refused"}]
-- Rows are taken in the order of their tenants: two hosts that commit at once never wait for each other in a circle.
create function turns_spend(p_turns jsonb) returns void language plpgsql
set enable_seqscan = off as $$
declare
  v_tenant record;
  v_refused int;
  v_today date := (clock_timestamp() at time zone 'utc')::date;
begin
  for v_tenant in
    select (t ->> 'tenant')::uuid as id, sum((t ->> 'micros')::bigint) as micros, sum((t ->> 'prompt')::bigint) as prompt,
           sum((t ->> 'completion')::bigint) as completion, sum((t ->> 'refused')::int) as refused, count(*) as turns,
           (array_agg(t) filter (where (t ->> 'refused')::int = 1))[1] as first
    from jsonb_array_elements(p_turns) t group by 1 order by 1
  loop
    insert into spend as s (tenant_id, day, micros, answers, prompt_tokens, completion_tokens, refused)
    values (v_tenant.id, v_today, v_tenant.micros, v_tenant.turns - v_tenant.refused, v_tenant.prompt, v_tenant.completion, v_tenant.refused)
    on conflict (tenant_id, day) do update set
      micros = s.micros + excluded.micros, answers = s.answers + excluded.answers,
      prompt_tokens = s.prompt_tokens + excluded.prompt_tokens, completion_tokens = s.completion_tokens + excluded.completion_tokens,
      refused = s.refused + excluded.refused
    returning s.refused into v_refused;
    if v_tenant.refused > 0 and v_refused = v_tenant.refused then
      insert into activity_logs (tenant_id, kind, agent_id, conversation_id, turn_id, data)
      values (v_tenant.id, 'spend.limit_reached', (v_tenant.first ->> 'agent')::uuid, (v_tenant.first ->> 'conversation')::bigint,
              (v_tenant.first ->> 'turn')::uuid, '{}');
    end if;
  end loop;
end $$;
