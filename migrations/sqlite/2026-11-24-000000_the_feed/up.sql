-- Times are microseconds since 1970, ids 16-byte blobs. The tables are those of PostgreSQL.

-- The one sequence that all writes go through. Its row is the lock of every write.
create table sequence (
    only_row integer primary key check (only_row = 1),
    position integer not null,
    stamp integer not null,
    user_key integer not null
) strict;
insert into sequence (only_row, position, stamp, user_key) values (1, 0, 0, 0);

create table users (
    key integer primary key,
    id blob not null unique,
    username text not null unique,
    display_name text,
    created_at integer not null,
    named_at integer not null,
    following integer not null default 0,
    followers integer not null default 0,
    activities integer not null default 0
) strict;

create table activities (
    id blob primary key,
    actor integer not null references users (key),
    verb text not null,
    object text,
    target integer references users (key),
    published integer not null,
    edited_at integer,
    external_id text,
    data text not null,
    version integer not null
) strict, without rowid;
-- A user's own feed, and each followee's part of a friends feed. The verb is there so that a filter reads keys alone.
create index activities_by_actor on activities (actor, published desc, id desc, verb);
-- The order of all: what a friends feed of many followees walks.
create index activities_by_time on activities (published desc, id desc, actor, verb);
create index activities_by_target on activities (target, published desc, id desc, actor, verb)
    where target is not null;
create unique index activities_by_external_id on activities (actor, external_id) where external_id is not null;

create table follows (
    follower integer not null references users (key),
    followee integer not null references users (key),
    since integer not null,
    -- The position of the event that made it: decides between equal times.
    ordinal integer not null,
    -- The earliest `published` that reaches the follower; all, where there is none.
    visible_from integer,
    primary key (follower, followee),
    check (follower <> followee)
) strict, without rowid;
create index follows_by_follower on follows (follower, since desc, ordinal desc);
create index follows_by_followee on follows (followee, since desc, ordinal desc);

-- What is kept of former follows: closed spans of `published`, those of one edge disjoint.
create table follow_windows (
    follower integer not null references users (key),
    followee integer not null references users (key),
    visible_from integer,
    visible_until integer not null,
    primary key (follower, followee, visible_until)
) strict, without rowid;
create index follow_windows_by_followee on follow_windows (followee);

create table blocks (
    blocker integer not null references users (key),
    blocked integer not null references users (key),
    since integer not null,
    ordinal integer not null,
    primary key (blocker, blocked),
    check (blocker <> blocked)
) strict, without rowid;
create index blocks_by_blocker on blocks (blocker, since desc, ordinal desc);
create index blocks_by_blocked on blocks (blocked);

create table mutes (
    muter integer not null references users (key),
    muted integer not null references users (key),
    since integer not null,
    ordinal integer not null,
    primary key (muter, muted),
    check (muter <> muted)
) strict, without rowid;
create index mutes_by_muter on mutes (muter, since desc, ordinal desc);
create index mutes_by_muted on mutes (muted);

-- All that happened, in order, dense. Users stand here by number, which points at nobody once they are erased; that is
-- why these are no foreign keys.
create table events (
    position integer primary key,
    at integer not null,
    kind text not null,
    activity blob,
    user_key integer,
    other_key integer
) strict;

-- Answers to requests with an Idempotency-Key. An erasure clears the body and keeps the key.
create table idempotency (
    scope blob primary key,
    content blob not null,
    status integer not null,
    location text,
    body text,
    at integer not null
) strict, without rowid;
create index idempotency_by_time on idempotency (at);
-- Whom a stored answer names.
create table idempotency_names (
    user_key integer not null,
    scope blob not null references idempotency (scope) on delete cascade,
    primary key (user_key, scope)
) strict, without rowid;
create index idempotency_names_by_scope on idempotency_names (scope);

create table secrets (
    name text primary key,
    value blob not null
) strict;

create table application_keys (
    id blob primary key,
    name text not null,
    hash blob not null unique,
    scopes text not null,
    created_at integer not null,
    last_used_at integer,
    revoked_at integer
) strict;

create table notification_marks (
    owner integer not null references users (key),
    -- The digest of verb, object and day: what a group of notifications is.
    group_id blob not null,
    -- The positions up to which the group was seen and read.
    seen integer not null,
    read integer not null,
    primary key (owner, group_id)
) strict, without rowid;

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
