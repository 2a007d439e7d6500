-- Whoever withdraws a row (a takeover, the stop button, the end of a sequence, a disconnected bot) says that nobody read it. Of a
-- row that was on the wire once and waits for its second try nobody can say that: it is in doubt, and stays so.
create function withdrawn_in_doubt() returns trigger language plpgsql as $$
begin
  new.state := 'unknown';
  new.error := coalesce(nullif(new.error, '') || '; ', '') || 'it was sent once before, and nobody knows whether it arrived';
  return new;
end $$;
create trigger withdrawn_in_doubt before update of state on outbox for each row
  when (new.state = 'withdrawn' and new.uncertain > 0) execute function withdrawn_in_doubt();
update outbox set state = 'withdrawn' where state = 'withdrawn' and uncertain > 0;
