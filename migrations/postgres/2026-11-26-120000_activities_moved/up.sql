-- When an edit last gave the activity another verb, object or target: news to whom it targets.
alter table activities add column moved_at timestamptz;
