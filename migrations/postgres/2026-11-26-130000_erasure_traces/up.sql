-- What the erasure at a position of the log took away and changed, by ids alone, for copies of feeds to follow; and whose
-- feeds it could be in. It goes with the event.
create table erased_activities (
    position bigint not null,
    activity uuid not null,
    -- Whether it went, or only lost its target.
    is_gone boolean not null,
    primary key (position, activity)
);
create table erased_readers (
    position bigint not null,
    reader bigint not null,
    primary key (position, reader)
);
