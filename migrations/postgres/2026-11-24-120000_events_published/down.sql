alter table events drop column published;
