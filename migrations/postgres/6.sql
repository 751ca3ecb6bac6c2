-- Version 6 on PostgreSQL: what migrations/6.sql adds.

ALTER TABLE webhook_receivers ADD COLUMN secret text;
ALTER TABLE webhook_receivers ADD COLUMN previous_secret text;
ALTER TABLE webhook_receivers ADD COLUMN previous_until bigint;
ALTER TABLE webhook_receivers ADD COLUMN created_at bigint;
