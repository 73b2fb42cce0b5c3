-- The one sequence that all writes go through. Its row is the lock of every write.
create table sequence (
    only_row integer primary key check (only_row = 1),
    position bigint not null,
    stamp timestamptz not null,
    user_key bigint not null
) with (fillfactor = 50);
insert into sequence (only_row, position, stamp, user_key) values (1, 0, 'epoch', 0);

create table users (
    key bigint primary key,
    id uuid not null unique,
    username text collate "C" not null unique,
    display_name text,
    created_at timestamptz not null,
    named_at timestamptz not null,
    following bigint not null default 0,
    followers bigint not null default 0,
    activities bigint not null default 0
) with (fillfactor = 80);

create table activities (
    id uuid primary key,
    actor bigint not null references users (key),
    verb text not null,
    object text,
    target bigint references users (key),
    published timestamptz not null,
    edited_at timestamptz,
    external_id text,
    data text not null,
    version integer not null
);
-- A user's own feed, and each followee's part of a friends feed. The verb is there so that a filter reads keys alone.
create index activities_by_actor on activities (actor, published desc, id desc) include (verb);
-- The order of all: what a friends feed of many followees walks.
create index activities_by_time on activities (published desc, id desc) include (actor, verb);
create index activities_by_target on activities (target, published desc, id desc) include (actor, verb)
    where target is not null;
create unique index activities_by_external_id on activities (actor, external_id) where external_id is not null;

create table follows (
    follower bigint not null references users (key),
    followee bigint not null references users (key),
    since timestamptz not null,
    -- The position of the event that made it: decides between equal times.
    ordinal bigint not null,
    -- The earliest `published` that reaches the follower; all, where there is none.
    visible_from timestamptz,
    primary key (follower, followee) include (visible_from),
    check (follower <> followee)
);
create index follows_by_follower on follows (follower, since desc, ordinal desc);
create index follows_by_followee on follows (followee, since desc, ordinal desc);

-- What is kept of former follows: closed spans of `published`, those of one edge disjoint.
create table follow_windows (
    follower bigint not null references users (key),
    followee bigint not null references users (key),
    visible_from timestamptz,
    visible_until timestamptz not null,
    primary key (follower, followee, visible_until)
);
create index follow_windows_by_followee on follow_windows (followee);

create table blocks (
    blocker bigint not null references users (key),
    blocked bigint not null references users (key),
    since timestamptz not null,
    ordinal bigint not null,
    primary key (blocker, blocked),
    check (blocker <> blocked)
);
create index blocks_by_blocker on blocks (blocker, since desc, ordinal desc);
create index blocks_by_blocked on blocks (blocked);

create table mutes (
    muter bigint not null references users (key),
    muted bigint not null references users (key),
    since timestamptz not null,
    ordinal bigint not null,
    primary key (muter, muted),
    check (muter <> muted)
);
create index mutes_by_muter on mutes (muter, since desc, ordinal desc);
create index mutes_by_muted on mutes (muted);

-- All that happened, in order, dense. Users stand here by number, which points at nobody once they are erased; that is
-- why these are no foreign keys.
create table events (
    position bigint primary key,
    at timestamptz not null,
    kind text not null,
    activity uuid,
    user_key bigint,
    other_key bigint
);

-- Answers to requests with an Idempotency-Key. An erasure clears the body and keeps the key.
create table idempotency (
    scope bytea primary key,
    content bytea not null,
    status integer not null,
    location text,
    body text,
    at timestamptz not null
);
create index idempotency_by_time on idempotency (at);
-- Whom a stored answer names.
create table idempotency_names (
    user_key bigint not null,
    scope bytea not null references idempotency (scope) on delete cascade,
    primary key (user_key, scope)
);
create index idempotency_names_by_scope on idempotency_names (scope);

create table secrets (
    name text primary key,
    value bytea not null
);

create table application_keys (
    id uuid primary key,
    name text not null,
    hash bytea not null unique,
    scopes text not null,
    created_at timestamptz not null,
    last_used_at timestamptz,
    revoked_at timestamptz
);

create table notification_marks (
    owner bigint not null references users (key),
    -- The digest of verb, object and day: what a group of notifications is.
    group_id bytea not null,
    -- The positions up to which the group was seen and read.
    seen bigint not null,
    read bigint not null,
    primary key (owner, group_id)
);

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
