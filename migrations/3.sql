-- Version 3: do not disturb, and invitations that no session has confirmed.

-- Until when calls do not ring for the user. Null: available. 253402300799999: until the user says otherwise.
ALTER TABLE users ADD COLUMN do_not_disturb_until INTEGER;

-- Of the callee: when the invitation has to be confirmed. Null: nobody was invited. 0: confirmed, answered or reported.
ALTER TABLE live ADD COLUMN confirm_by INTEGER;

CREATE INDEX live_by_confirm_by ON live (confirm_by) WHERE confirm_by > 0;
