-- The queue `agent-jobs`: rows written in the transaction of what caused them; Redis only says that there is something.
--   queued -> running -> done | failed (repeating it will not help) | dead (every try used up) | cancelled
-- A try that fails goes back to `queued` with a later `run_at`. Every claim raises `generation`: whoever writes for a job
-- shows the generation it claimed, in the same transaction, so a worker that lost its lease can write nothing.

alter table jobs drop constraint jobs_state_check;
alter table jobs add constraint jobs_state_check check (state in ('queued', 'running', 'done', 'failed', 'dead', 'cancelled'));
alter table jobs
  alter column id set default gen_random_uuid(),
  add column number bigint generated always as identity,                -- the order they were asked for
  add column run_at timestamptz not null default now(),                 -- not before
  add column dedupe_key text check (length(dedupe_key) between 1 and 300),
  add column attempts smallint not null default 0,                      -- tries begun and not given back
  add column max_attempts smallint not null default 5 check (max_attempts between 1 and 100),
  add column generation int not null default 0,
  add column worker uuid,
  add column lease_until timestamptz,
  add column cancel_requested bool not null default false,
  add column progress_done bigint not null default 0,
  add column progress_total bigint,                                     -- null: not known
  add column progress_note text not null default '',
  add column checkpoint jsonb not null default '{}',                    -- where the next try goes on; the handler's own words
  add column result jsonb,
  add column error text,
  add column created_by text not null default '',                       -- the name they had then; empty: the program itself
  add column schedule_id uuid,
  add column started_at timestamptz,                                    -- the last try
  add constraint jobs_number unique (number),
  add constraint jobs_tenant unique (tenant_id, id);
alter table jobs set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

create unique index jobs_live on jobs (tenant_id, queue, name, dedupe_key)
  where dedupe_key is not null and state in ('queued', 'running');
create index jobs_waiting on jobs (queue, tenant_id, run_at, number) where state = 'queued';
create index jobs_running on jobs (lease_until) where state = 'running';
create index jobs_ended on jobs (finished_at) where state in ('done', 'failed', 'dead', 'cancelled');
create index jobs_states on jobs (queue, state);
create index jobs_recent on jobs (tenant_id, number desc);

create table job_schedules (
  id uuid primary key default gen_random_uuid(),
  tenant_id uuid not null references tenants (id),
  key text not null,                                                    -- what it is for; a tenant has one of each
  name text not null,                                                   -- of the job
  payload jsonb not null default '{}',
  cron text not null,                                                   -- five fields, see actors/domain/cron.py
  time_zone text not null default 'UTC',                                -- IANA
  enabled bool not null default true,
  next_at timestamptz,                                                  -- null: not worked out yet
  last_at timestamptz,
  last_job_id uuid,
  problem text,                                                         -- why it does not run
  version int not null default 1,
  created_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, key)
);
create index job_schedules_due on job_schedules (next_at nulls first) where enabled;
call protect_tenant_table('job_schedules');
alter table jobs add foreign key (tenant_id, schedule_id) references job_schedules (tenant_id, id) on delete set null (schedule_id);
create index jobs_schedule on jobs (tenant_id, schedule_id) where schedule_id is not null;
alter table job_schedules add foreign key (tenant_id, last_job_id) references jobs (tenant_id, id) on delete set null (last_job_id);
create index job_schedules_last on job_schedules (tenant_id, last_job_id);

-- The worker finds jobs and schedules before their tenants are known.
create policy dispatch_update on jobs for update to callboard_engine using ((select app_dispatch()));
create policy dispatch_delete on jobs for delete to callboard_engine
  using ((select app_dispatch()) and state in ('done', 'failed', 'dead', 'cancelled') and finished_at < now() - interval '1 day');
create policy dispatch_select on job_schedules for select to callboard_engine using ((select app_dispatch()));
create policy dispatch_update on job_schedules for update to callboard_engine using ((select app_dispatch()));
grant usage on sequence jobs_number_seq to callboard_api, callboard_engine;

-- In any transaction that may write for the tenant. With a dedupe key there is one live job of the name and key: its id
-- comes back, whoever asked first.
create function job_enqueue(p_tenant uuid, p_name text, p_payload jsonb default '{}', p_dedupe text default null,
  p_delay_s float8 default 0, p_max_attempts int default 5, p_by text default '', p_schedule uuid default null)
returns uuid language plpgsql set enable_seqscan = off as $$
declare v_id uuid;
begin
  loop
    insert into jobs (tenant_id, name, payload, dedupe_key, run_at, max_attempts, created_by, schedule_id)
    values (p_tenant, p_name, p_payload, p_dedupe, now() + p_delay_s * interval '1 second', p_max_attempts, p_by, p_schedule)
    on conflict (tenant_id, queue, name, dedupe_key) where dedupe_key is not null and state in ('queued', 'running') do nothing
    returning id into v_id;
    exit when v_id is not null;
    select j.id into v_id from jobs j
    where j.tenant_id = p_tenant and j.queue = 'agent-jobs' and j.name = p_name and j.dedupe_key = p_dedupe
      and j.state in ('queued', 'running');
    exit when v_id is not null;                                         -- else it ended in between: ours is the live one
  end loop;
  return v_id;
end $$;

-- Tenants take turns: first who has no slot of this worker, then who has one, and so on. So while others wait nobody gets a
-- third slot, and nobody with a long queue is served twice before others are served once.
create function job_claim(p_worker uuid, p_limit int, p_lease_s float8)
returns table (id uuid, tenant_id uuid, name text, payload jsonb, generation int, attempts smallint, max_attempts smallint, checkpoint jsonb)
language plpgsql set enable_seqscan = off set enable_bitmapscan = off as $$
declare v_ids uuid[];
begin
  perform set_config('app.scope', 'dispatch', true);
  with recursive waiting (tenant) as (
    (select j.tenant_id from jobs j where j.queue = 'agent-jobs' and j.state = 'queued' order by j.tenant_id limit 1)
    union all
    select (select j.tenant_id from jobs j where j.queue = 'agent-jobs' and j.state = 'queued' and j.tenant_id > w.tenant
            order by j.tenant_id limit 1)
    from waiting w where w.tenant is not null
  ), busy as (
    select j.tenant_id as tenant, count(*) as slots from jobs j where j.state = 'running' and j.worker = p_worker group by 1
  ), candidates as (
    select c.id, coalesce(b.slots, 0) + row_number() over (partition by w.tenant order by c.run_at, c.number) as slot
    from waiting w left join busy b using (tenant)
    cross join lateral (
      select j.id, j.run_at, j.number from jobs j
      where j.queue = 'agent-jobs' and j.state = 'queued' and j.tenant_id = w.tenant and j.run_at <= now()
      order by j.run_at, j.number limit p_limit
    ) c
  )
  select array_agg(x.id) into v_ids from (select c.id from candidates c order by c.slot, random() limit p_limit) x;
  return query
    with mine as (
      select j.id from jobs j where j.id = any(v_ids) and j.state = 'queued' for update skip locked
    )
    update jobs j set state = 'running', worker = p_worker, generation = j.generation + 1, attempts = j.attempts + 1,
      started_at = now(), lease_until = now() + p_lease_s * interval '1 second'
    from mine where j.id = mine.id
    returning j.id, j.tenant_id, j.name, j.payload, j.generation, j.attempts, j.max_attempts, j.checkpoint;
end $$;

-- What becomes of a job whose try did not end well; also of one whose worker died.
create function job_next_state(p_cancelled bool, p_attempts int, p_max_attempts int) returns text language sql immutable
  return case when p_cancelled then 'cancelled' when p_attempts >= p_max_attempts then 'dead' else 'queued' end;

-- Outcomes: done | failed | retry | returned (not the job's fault: the try does not count) | cancelled.
create function job_finish(p_ids uuid[], p_generations int[], p_outcomes text[], p_results text[], p_errors text[], p_delays_s float8[])
returns int language plpgsql set enable_seqscan = off as $$
declare v_rows int;
begin
  perform set_config('app.scope', 'dispatch', true);
  with f as (
    select * from unnest(p_ids, p_generations, p_outcomes, p_results, p_errors, p_delays_s)
      as f (id, generation, outcome, result, error, delay_s)
  ), mine as (
    select j.id as job, f.*, case f.outcome
        when 'retry' then job_next_state(j.cancel_requested, j.attempts, j.max_attempts)
        when 'returned' then job_next_state(j.cancel_requested, 0, 1)
        else f.outcome end as next
    from f join jobs j on j.id = f.id and j.generation = f.generation and j.state = 'running'
    order by j.id for update of j
  )
  update jobs j set state = m.next, result = m.result::jsonb, error = m.error, lease_until = null, worker = null,
    attempts = j.attempts - (m.outcome = 'returned')::int,
    run_at = case when m.next = 'queued' then now() + m.delay_s * interval '1 second' else j.run_at end,
    finished_at = case when m.next = 'queued' then null else now() end
  from mine m where j.id = m.job;
  get diagnostics v_rows = row_count;
  return v_rows;
end $$;

-- Returns those that are still the worker's, and whether somebody wants them ended.
create function job_beat(p_ids uuid[], p_generations int[], p_lease_s float8) returns table (id uuid, cancelled bool)
language plpgsql set enable_seqscan = off as $$
begin
  perform set_config('app.scope', 'dispatch', true);
  return query
    with mine as (
      select j.id from unnest(p_ids, p_generations) as f (id, generation)
      join jobs j on j.id = f.id and j.generation = f.generation and j.state = 'running'
      order by j.id for update of j
    )
    update jobs j set lease_until = now() + p_lease_s * interval '1 second' from mine where j.id = mine.id
    returning j.id, j.cancel_requested;
end $$;

-- A row that is locked is being committed for or finished: it is not dead.
create function job_sweep(p_limit int) returns int language plpgsql set enable_seqscan = off as $$
declare v_rows int;
begin
  perform set_config('app.scope', 'dispatch', true);
  with lost as (
    select j.id, job_next_state(j.cancel_requested, j.attempts, j.max_attempts) as next from jobs j
    where j.state = 'running' and j.lease_until < now() order by j.lease_until limit p_limit for update skip locked
  )
  update jobs j set state = l.next, worker = null, lease_until = null, run_at = now(), error = 'the worker ended in the middle of it',
    finished_at = case when l.next = 'queued' then null else now() end
  from lost l where j.id = l.id;
  get diagnostics v_rows = row_count;
  return v_rows;
end $$;

-- By people: begins anew, with all its tries, where it had got to. `live`: the same work is on its way already.
create function job_redrive(p_id uuid) returns text language plpgsql as $$
declare v_state text;
begin
  select j.state into v_state from jobs j where j.id = p_id for update;
  if not found then return null; end if;
  if v_state not in ('failed', 'dead', 'cancelled') then return v_state; end if;
  update jobs j set state = 'queued', attempts = 0, run_at = now(), finished_at = null, cancel_requested = false, error = null
  where j.id = p_id;
  return 'redriven';
exception when unique_violation then
  return 'live';
end $$;

do $$
declare f text;
begin
  foreach f in array array['job_claim(uuid, int, float8)', 'job_finish(uuid[], int[], text[], text[], text[], float8[])',
    'job_beat(uuid[], int[], float8)', 'job_sweep(int)']
  loop
    execute format('revoke all on function %s from public', f);
    execute format('grant execute on function %s to callboard_engine', f);
  end loop;
  foreach f in array array['job_enqueue(uuid, text, jsonb, text, float8, int, text, uuid)', 'job_redrive(uuid)'] loop
    execute format('revoke all on function %s from public', f);
    execute format('grant execute on function %s to callboard_api, callboard_engine', f);
  end loop;
end $$;

-- Every company forgets old activity by night, unless it decides otherwise.
create function tenant_schedules() returns trigger language plpgsql as $$
begin
  insert into job_schedules (tenant_id, key, name, payload, cron)
  values (new.id, 'activity:retention', 'activity:retention', '{"days": 365}', '17 3 * * *');
  return null;
end $$;
create trigger tenant_schedules after insert on tenants for each row execute function tenant_schedules();
insert into job_schedules (tenant_id, key, name, payload, cron)
select id, 'activity:retention', 'activity:retention', '{"days": 365}', '17 3 * * *' from tenants;

-- Retention goes by age. Rows come in the order of time: a block range index costs the commit of a turn next to nothing.
create index activity_logs_age on activity_logs using brin (at) with (pages_per_range = 16);
create index traces_age on traces using brin (created_at) with (pages_per_range = 16);
