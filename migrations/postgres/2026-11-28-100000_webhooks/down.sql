drop table webhook_deliveries;
drop table webhooks;

create table webhooks (
    id uuid primary key,
    url text not null,
    kinds text not null,
    actor bigint references users (key),
    verb text,
    target bigint references users (key),
    secret bytea not null,
    created_at timestamptz not null,
    -- The position up to which everything was delivered or given up.
    position bigint not null
);
create index webhooks_by_actor on webhooks (actor) where actor is not null;
create index webhooks_by_target on webhooks (target) where target is not null;

create table webhook_deliveries (
    webhook uuid not null references webhooks (id) on delete cascade,
    position bigint not null,
    attempts integer not null,
    next_at timestamptz,
    last_status integer,
    last_error text,
    primary key (webhook, position)
);
create index webhook_deliveries_due on webhook_deliveries (next_at) where next_at is not null;
