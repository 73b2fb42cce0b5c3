-- What the erasure at a position of the log took away and changed, by ids alone, for copies of feeds to follow; and whose
-- feeds it could be in. It goes with the event.
create table erased_activities (
    position integer not null,
    activity blob not null,
    -- Whether it went, or only lost its target.
    is_gone integer not null,
    primary key (position, activity)
) strict, without rowid;
create table erased_readers (
    position integer not null,
    reader integer not null,
    primary key (position, reader)
) strict, without rowid;
