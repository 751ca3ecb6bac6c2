-- Version 2: who may call whom, who is told by webhooks, and which session is in a call.

-- 1: kept from the callee, who has blocked the caller.
ALTER TABLE calls ADD COLUMN withheld INTEGER NOT NULL DEFAULT 0;

-- The session that initiated or accepted.
ALTER TABLE live ADD COLUMN session TEXT;

-- Whom a user has listed. `list` 0: blocked, whose calls ring nobody. 1: a contact.
CREATE TABLE listed (
    owner INTEGER NOT NULL REFERENCES users (key),
    list  INTEGER NOT NULL,
    user  INTEGER NOT NULL REFERENCES users (key),
    at    INTEGER NOT NULL,
    PRIMARY KEY (owner, list, user)
) STRICT, WITHOUT ROWID;

-- Who has listed a user.
CREATE INDEX listed_by_user ON listed (user, list, owner);

-- Who is told by webhooks. At the start of a server these are the receivers that the settings name.
CREATE TABLE webhook_receivers (
    key           INTEGER PRIMARY KEY,
    url           TEXT    NOT NULL UNIQUE,
    failing_since INTEGER,                  -- when it first failed since it last took anything
    paused_at     INTEGER,
    pause_cause   INTEGER
) STRICT;

-- What they are told, in the order in which it happened; forgotten after two days.
CREATE TABLE webhook_messages (
    seq   INTEGER PRIMARY KEY,
    id    BLOB    NOT NULL,
    topic INTEGER NOT NULL,
    call  BLOB,                             -- null: it is about a user
    at    INTEGER NOT NULL,
    body  TEXT    NOT NULL
) STRICT;

-- Each message for each receiver. `lane` is the call or user it is about, within which the order is kept: only
-- the first message of a lane that still waits has an instant at which it is due.
CREATE TABLE webhook_deliveries (
    message  INTEGER NOT NULL REFERENCES webhook_messages (seq) ON DELETE CASCADE,
    receiver INTEGER NOT NULL REFERENCES webhook_receivers (key),
    lane     BLOB    NOT NULL,
    state    INTEGER NOT NULL,              -- 0 waits, 1 delivered, 2 given up
    due      INTEGER,
    failures INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (message, receiver)
) STRICT, WITHOUT ROWID;

CREATE INDEX webhook_deliveries_by_due ON webhook_deliveries (receiver, due) WHERE due IS NOT NULL;
CREATE INDEX webhook_deliveries_by_lane ON webhook_deliveries (receiver, lane, message) WHERE state = 0;

CREATE TABLE webhook_attempts (
    message  INTEGER NOT NULL,
    receiver INTEGER NOT NULL,
    number   INTEGER NOT NULL,              -- from 1
    at       INTEGER NOT NULL,
    took_ms  INTEGER NOT NULL,
    status   INTEGER,                       -- the HTTP status of the answer
    failure  TEXT,                          -- why there was none
    PRIMARY KEY (message, receiver, number),
    FOREIGN KEY (message, receiver) REFERENCES webhook_deliveries (message, receiver) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Users of whom receivers were told last that they are online.
CREATE TABLE webhook_presence (
    user INTEGER PRIMARY KEY REFERENCES users (key)
) STRICT;
