-- Dialogues of scripts: the question that stands is `dialogue` in the state of a conversation (actors/domain/scripts/dialogue.py).
-- Whoever takes a conversation or closes it ends the dialogue in it.
create function dialogue_over() returns trigger language plpgsql as $$
begin
  new.state := new.state - 'dialogue';
  return new;
end $$;
create trigger conversation_dialogue_over before update of control, closed_at on conversations for each row
  when (new.state ? 'dialogue' and (new.control = 'human' or new.closed_at is distinct from old.closed_at)) execute function dialogue_over();
