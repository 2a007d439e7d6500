-- What models cost is counted by hour and day, agent and channel, like the rest.
alter table activity_rollups add column micros bigint not null default 0;
