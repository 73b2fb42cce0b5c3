-- A revoked key is deleted, as everything that goes is gone, so nothing is left to note a time on.
alter table application_keys drop column revoked_at;
