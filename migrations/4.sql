-- Version 4: keys of the team's backend, what was changed with them, and answers to its repeated requests.

-- A key is known by its digest alone; the key itself is shown once, when it is made.
CREATE TABLE api_keys (
    key          INTEGER PRIMARY KEY,
    name         TEXT    NOT NULL UNIQUE,   -- also of a revoked key: the audit refers to it
    digest       BLOB    NOT NULL UNIQUE,   -- SHA-256 of the key
    scopes       INTEGER NOT NULL,          -- bit n is the scope of code n
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    revoked_at   INTEGER,
    last_used_at INTEGER                    -- to the minute
) STRICT;

-- Changes made with API keys, a row each, in their order.
CREATE TABLE audit (
    seq        INTEGER PRIMARY KEY,
    at         INTEGER NOT NULL,
    key_name   TEXT    NOT NULL,
    action     TEXT    NOT NULL,
    subject    TEXT,                        -- the user or call that was changed
    request_id TEXT    NOT NULL
) STRICT;

CREATE INDEX audit_by_at ON audit (at);

-- Answers to requests with an Idempotency-Key.
CREATE TABLE api_replies (
    api_key    INTEGER NOT NULL REFERENCES api_keys (key),
    name       TEXT    NOT NULL,            -- the Idempotency-Key
    request    BLOB    NOT NULL,            -- SHA-256 of method, path and body
    status     INTEGER NOT NULL,
    body       TEXT    NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (api_key, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX api_replies_by_expiry ON api_replies (expires_at);
