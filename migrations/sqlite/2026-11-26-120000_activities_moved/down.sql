alter table activities drop column moved_at;
