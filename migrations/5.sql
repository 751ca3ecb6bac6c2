-- Version 5: events of the team's backend that are kept for users.

-- The content of an event, once for all its users.
CREATE TABLE app_events (
    seq        INTEGER PRIMARY KEY,
    type       TEXT    NOT NULL,
    data       TEXT    NOT NULL,            -- JSON, as it was sent
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX app_events_by_expiry ON app_events (expires_at);

-- Null: an event of a call. Where it is set, `call` is zero.
ALTER TABLE kept_notices ADD COLUMN app_event INTEGER REFERENCES app_events (seq);

CREATE INDEX kept_notices_by_app_event ON kept_notices (app_event) WHERE app_event IS NOT NULL;
