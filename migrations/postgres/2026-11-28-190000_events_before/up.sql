-- How it was before the change, where rows no longer tell that and copies of feeds have to know it: what of each other's
-- activities reached two users whose follow changed, or that the name of a user stayed the same. Instants and no ids.
alter table events add column before text;
