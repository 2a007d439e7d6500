-- A reserved moment is told on this server's clock, with the time it is there: how long the answer took to arrive is not known here.
-- It is on disk before anybody hears of it: after a crash the same moment is not given twice. Wider gaps are for who came too late.
drop function kommo_reserve(uuid, uuid, float8, float8);

create function kommo_reserve(p_tenant uuid, p_integration uuid, p_gap_s float8, p_horizon_s float8)
returns table (granted bool, at_s float8, now_s float8, generation int, stale bool, blocked_s float8) language plpgsql as $$
declare v_at timestamptz; v_blocked float8; v_next timestamptz; v_generation int; v_stale bool;
begin
  perform set_config('app.tenant', p_tenant::text, true), set_config('app.tenants', array[p_tenant]::text, true);
  select extract(epoch from a.blocked_until - clock_timestamp()) into v_blocked from kommo_address a where a.blocked_until > clock_timestamp();
  select k.generation, coalesce(k.expires_at < clock_timestamp() + interval '60 seconds', false) into v_generation, v_stale
    from kommo_accounts k where k.tenant_id = p_tenant and k.integration_id = p_integration;
  if not found then return; end if;
  if v_blocked is null then
    update kommo_pace p set next_at = greatest(p.next_at, clock_timestamp()) + p_gap_s * interval '1 second'
      where p.integration_id = p_integration and p.next_at <= clock_timestamp() + p_horizon_s * interval '1 second'
      returning p.next_at - p_gap_s * interval '1 second' into v_at;
  end if;
  if v_at is null then
    select p.next_at into v_next from kommo_pace p where p.integration_id = p_integration;
  end if;
  return query select v_at is not null, extract(epoch from coalesce(v_at, v_next))::float8, extract(epoch from clock_timestamp())::float8,
                      v_generation, v_stale, v_blocked;
end $$;
revoke all on function kommo_reserve(uuid, uuid, float8, float8) from public;
grant execute on function kommo_reserve(uuid, uuid, float8, float8) to callboard_engine, callboard_api;
