-- The tables of the first version were a guess, and nothing was ever written to them.
drop table webhook_deliveries;
drop table webhooks;

create table webhooks (
    id blob primary key,
    url text not null,
    -- The kinds of events with commas between them; all, where it is empty.
    kinds text not null,
    actor integer references users (key),
    verb text,
    target integer references users (key),
    -- The present secret, then former ones that still count, each with its end.
    secrets text not null,
    status text not null,
    -- Since when every attempt has failed.
    failing_since integer,
    created_at integer not null,
    -- The position up to which everything was delivered, given up, or not wanted.
    position integer not null,
    -- Grows with every change by an operator.
    revision integer not null,
    -- Which process delivers, and until when no other may.
    holder blob,
    held_until integer
) strict;
create index webhooks_by_actor on webhooks (actor) where actor is not null;
create index webhooks_by_target on webhooks (target) where target is not null;

-- What became of deliveries: ids and numbers, and words of our own, never what was delivered or answered.
create table webhook_deliveries (
    webhook blob not null references webhooks (id) on delete cascade,
    -- The position of the event.
    position integer not null,
    kind text not null,
    state text not null,
    attempts integer not null,
    created_at integer not null,
    attempted_at integer,
    next_at integer,
    last_status integer,
    last_error text,
    last_duration_ms integer,
    primary key (webhook, position)
) strict, without rowid;
create index webhook_deliveries_by_state on webhook_deliveries (webhook, state, position);
create index webhook_deliveries_done on webhook_deliveries (attempted_at) where state <> 'pending';
