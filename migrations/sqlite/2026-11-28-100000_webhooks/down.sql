drop table webhook_deliveries;
drop table webhooks;

create table webhooks (
    id blob primary key,
    url text not null,
    kinds text not null,
    actor integer references users (key),
    verb text,
    target integer references users (key),
    secret blob not null,
    created_at integer not null,
    -- The position up to which everything was delivered or given up.
    position integer not null
) strict;
create index webhooks_by_actor on webhooks (actor) where actor is not null;
create index webhooks_by_target on webhooks (target) where target is not null;

create table webhook_deliveries (
    webhook blob not null references webhooks (id) on delete cascade,
    position integer not null,
    attempts integer not null,
    next_at integer,
    last_status integer,
    last_error text,
    primary key (webhook, position)
) strict, without rowid;
create index webhook_deliveries_due on webhook_deliveries (next_at) where next_at is not null;
