-- Version 3. It adds columns and writes no row but those of removed users. SQLite reads a STRICT table once for each
-- column that is added to it.

-- Until when calls do not ring for the user. Null: available. 253402300799999: until the user says otherwise.
ALTER TABLE users ADD COLUMN do_not_disturb_until INTEGER;

-- Of the callee: when the invitation has to be confirmed. Null: nobody was invited. 0: confirmed or reported.
ALTER TABLE live ADD COLUMN confirm_by INTEGER;

CREATE INDEX live_by_confirm_by ON live (confirm_by) WHERE confirm_by > 0;

-- The steps of a call, 16 bytes each, in their order (src/store/steps.rs). Steps that earlier versions wrote stay in the
-- table timeline and come before these.
ALTER TABLE calls ADD COLUMN steps BLOB;

-- The session with which the callee answered; null again when the call is over.
ALTER TABLE calls ADD COLUMN callee_session TEXT;

-- Whoever stores a missed call counts it as unseen: a trigger would have each insertion make a table of its rows.
DROP TRIGGER history_missed;

-- Event types that an endpoint takes: bit n is the type of code n.
ALTER TABLE webhook_receivers ADD COLUMN events INTEGER NOT NULL DEFAULT -1;

-- Sessions that lack the event although another session of the user has it, as a JSON list. Null: no session has it.
ALTER TABLE kept_notices ADD COLUMN lacking TEXT;

-- When the user was removed: only tokens issued later bring the user back. Users who are removed already count from now.
ALTER TABLE users ADD COLUMN removed_at INTEGER;
UPDATE users SET removed_at = CAST(strftime('%s', 'now') AS INTEGER) * 1000 WHERE standing = 2;

-- As of when name and avatar are known: when a token was issued, or an administrator set them. Null: at some time.
ALTER TABLE users ADD COLUMN profile_at INTEGER;
