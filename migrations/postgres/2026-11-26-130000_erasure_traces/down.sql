drop table erased_readers;
drop table erased_activities;
