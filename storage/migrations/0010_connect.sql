-- Connecting bots: what is wrong with an integration as a word that programs and translations can use beside the text, and
-- where messages whose outcome nobody knows can be counted without reading everything that was ever sent.

alter table integrations add column problem_code text;                  -- actors/domain/troubles.py; null: other
create index outbox_uncertain on outbox (integration_id) where uncertain > 0;
