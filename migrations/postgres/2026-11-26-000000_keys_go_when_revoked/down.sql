alter table application_keys add column revoked_at timestamptz;
