alter table events drop column before;
