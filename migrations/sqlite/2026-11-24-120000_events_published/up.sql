-- When the activity of an event was published: with its id, its place in feeds, which nothing else tells once it is gone.
alter table events add column published integer;
