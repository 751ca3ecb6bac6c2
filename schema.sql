-- The database, version 1. Later versions are added to src/store/schema.rs; this text is never changed once
-- released, because files in the field were made by it.
--
-- Instants are milliseconds since the Unix epoch. Enumerations are small integers (src/store/codes.rs).
-- Call ids are the 16 bytes of a UUIDv7, so that the order of ids is the order of creation and new rows go
-- to the end of the tree. Users are referred to by a small number of ours, never by their id, to keep rows
-- small; a user is never deleted from the table, so that history can still name it.

CREATE TABLE users (
    key        INTEGER PRIMARY KEY,
    id         TEXT    NOT NULL UNIQUE,
    name       TEXT    NOT NULL,
    avatar     TEXT,
    standing   INTEGER NOT NULL,            -- 0 active, 1 disabled, 2 removed
    created_at INTEGER NOT NULL,
    looks      INTEGER NOT NULL DEFAULT 0,  -- how often the user has looked at what was missed
    unseen     INTEGER NOT NULL DEFAULT 0   -- calls missed since
) STRICT;

CREATE TABLE calls (
    id               BLOB    NOT NULL PRIMARY KEY,
    caller           INTEGER NOT NULL REFERENCES users (key),
    callee           INTEGER NOT NULL REFERENCES users (key),
    call_type        INTEGER NOT NULL,
    channel          TEXT    NOT NULL,
    status           INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    started_at       INTEGER,
    ended_at         INTEGER,
    duration_seconds INTEGER,
    ended_by         INTEGER REFERENCES users (key),   -- null in an ENDED call: the system
    reason           INTEGER,
    deadline         INTEGER                -- when the server acts on the call by itself
) STRICT, WITHOUT ROWID;

CREATE INDEX calls_by_deadline ON calls (deadline) WHERE deadline IS NOT NULL;

-- Calls with the ids of the users they name.
CREATE VIEW named_calls AS
    SELECT c.*, caller.id AS caller_id, callee.id AS callee_id, ender.id AS ender_id
    FROM calls AS c
    JOIN users AS caller ON caller.key = c.caller
    JOIN users AS callee ON callee.key = c.callee
    LEFT JOIN users AS ender ON ender.key = c.ended_by;

-- A call has each status at most once and only in this order, so the status is the place in the timeline.
CREATE TABLE timeline (
    call   BLOB    NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    status INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    actor  INTEGER REFERENCES users (key),             -- null: the system
    via    INTEGER NOT NULL,
    cause  INTEGER NOT NULL,
    PRIMARY KEY (call, status)
) STRICT, WITHOUT ROWID;

-- Who is in a live call. The primary key is the rule: one live call per user, in either role. No foreign key
-- to the call, which is never deleted while it is live: each deletion would look through this whole table.
CREATE TABLE live (
    user     INTEGER PRIMARY KEY REFERENCES users (key),
    call     BLOB    NOT NULL,
    attended INTEGER NOT NULL,              -- 1: had a connected session during the call
    gone_at  INTEGER                        -- since when the last session is gone
) STRICT;

CREATE INDEX live_by_gone_at ON live (gone_at) WHERE gone_at IS NOT NULL;

-- Both participants' memory of a final call, which is deleted before the call is. `kind` is what entries are
-- filtered by: outcome * 4 + call type * 2 + direction. Under it the entries of each kind lie in the order of
-- their calls, so that every filter, and no filter, reads a few ranges from their ends.
CREATE TABLE history (
    owner            INTEGER NOT NULL REFERENCES users (key),
    kind             INTEGER NOT NULL,
    call             BLOB    NOT NULL,
    remote           INTEGER NOT NULL REFERENCES users (key),
    duration_seconds INTEGER,
    looks            INTEGER,               -- missed and incoming: the owner's looks when it came
    PRIMARY KEY (owner, kind, call)
) STRICT, WITHOUT ROWID;

-- An entry is unseen for as long as its looks are its owner's; the owner's count of those is kept here, by
-- whatever way entries come and go, so that to ask for it and to look cost the same however many there are.
CREATE TRIGGER history_missed AFTER INSERT ON history WHEN NEW.looks IS NOT NULL BEGIN
    UPDATE users SET unseen = unseen + 1 WHERE key = NEW.owner AND looks = NEW.looks;
END;

CREATE TRIGGER history_forgotten AFTER DELETE ON history WHEN OLD.looks IS NOT NULL BEGIN
    UPDATE users SET unseen = unseen - 1 WHERE key = OLD.owner AND looks = OLD.looks;
END;

-- What the participants reported of the network during a call.
CREATE TABLE quality (
    call              BLOB    NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    participant       INTEGER NOT NULL,     -- 0 the caller, 1 the callee
    reports           INTEGER NOT NULL,
    worst             INTEGER NOT NULL,
    loss_count        INTEGER NOT NULL,     -- reports that measured it
    loss_mean         REAL    NOT NULL,     -- 0 to 1
    round_trip_count  INTEGER NOT NULL,
    round_trip_mean   REAL    NOT NULL,     -- milliseconds
    PRIMARY KEY (call, participant)
) STRICT, WITHOUT ROWID;

-- Events for participants who had no connected session, in their order.
CREATE TABLE kept_notices (
    seq              INTEGER PRIMARY KEY,
    user             INTEGER NOT NULL REFERENCES users (key),
    at               INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    kind             INTEGER NOT NULL,
    call             BLOB    NOT NULL,
    actor            INTEGER REFERENCES users (key),   -- null: the system
    reason           INTEGER,
    duration_seconds INTEGER
) STRICT;

CREATE INDEX kept_notices_by_user ON kept_notices (user, seq);

-- Answers to repeated requests.
CREATE TABLE idempotency_keys (
    user       INTEGER NOT NULL REFERENCES users (key),
    key        TEXT    NOT NULL,
    call       BLOB    NOT NULL,
    refused    INTEGER NOT NULL,            -- 1: the callee was busy
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (user, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at);
