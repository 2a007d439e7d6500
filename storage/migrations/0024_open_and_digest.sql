-- What customers said and nobody answered: `open` in the state of their conversations (actors/domain/standing.py).
create index conversations_open on conversations (tenant_id, id) where state ? 'open';

-- Whoever takes a conversation answers for what stands open in it.
create function open_taken() returns trigger language plpgsql as $$
begin
  new.state := new.state - 'open';
  return new;
end $$;
create trigger conversation_open_taken before update of control on conversations for each row
  when (new.control = 'human' and new.state ? 'open') execute function open_taken();

-- As in 0011; what was answered and not sent stands open.
create or replace function bots_withdraw(p_integrations uuid[]) returns int language plpgsql
set enable_seqscan = off set enable_bitmapscan = off as $$
declare v_shards smallint[]; v_rows int; v_conversations bigint[];
begin
  v_shards := array(select distinct g.shard from integrations g where g.id = any (p_integrations));
  with waiting as (
    select o.id from outbox o where o.shard = any (v_shards) and o.state = 'pending' and o.class <> 'step' and o.class <> 'operator' and o.integration_id = any (p_integrations)
    union all
    select o.id from outbox o where o.shard = any (v_shards) and o.state = 'pending' and o.class = 'step' and o.integration_id = any (p_integrations)
    union all
    select o.id from outbox o where o.lease_until is not null and o.state = 'claimed' and o.class <> 'operator' and o.integration_id = any (p_integrations)
  ), gone as (
    update outbox o set state = 'withdrawn', error = 'the bot was stopped', claimed_by = null, lease_until = null
    where o.id in (select w.id from waiting w) and o.state in ('pending', 'claimed') returning o.conversation_id, o.class
  )
  select count(*), array_agg(distinct g.conversation_id) filter (where g.class = 'reply') into v_rows, v_conversations from gone g;
  if v_conversations is not null then
    perform from conversations c where c.id = any (v_conversations) order by c.id for update;
    update conversations c set control = 'waiting', version = c.version + 1, state = c.state || coalesce((
      select jsonb_build_object('open', jsonb_build_object('inbox', m.inbox_id, 'why', 'stopped')) from messages m
      where m.conversation_id = c.id and m.role = 'customer' and m.inbox_id is not null order by m.id desc limit 1), '{}')
    where c.id = any (v_conversations) and c.control <> 'human';
  end if;
  return v_rows;
end $$;

revoke all on function open_taken() from public;
grant execute on function open_taken() to callboard_api, callboard_engine;

-- Digests that were sent, so that none is sent twice: `key` is the day, or the job of somebody who asked for one.
create table digests (
  tenant_id uuid not null,
  user_id uuid not null,
  key text not null,
  sent_at timestamptz not null default now(),
  primary key (user_id, key),
  foreign key (tenant_id, user_id) references users (tenant_id, id)
);
create index digests_tenant on digests (tenant_id);
call protect_tenant_table('digests');
