-- Version 6: webhook endpoints that a backend makes.

-- Secrets that sign for the endpoint, as `whsec_...`. Null: an endpoint of the settings, whose secrets are there.
ALTER TABLE webhook_receivers ADD COLUMN secret TEXT;
ALTER TABLE webhook_receivers ADD COLUMN previous_secret TEXT;
ALTER TABLE webhook_receivers ADD COLUMN previous_until INTEGER;   -- until then, the previous secret signs too
ALTER TABLE webhook_receivers ADD COLUMN created_at INTEGER;
