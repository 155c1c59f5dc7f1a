-- One number that moves with everything that decides who a value's caller is and what they may do. Whoever remembers
-- an answer remembers the number with it, and looks here before giving the answer again. New rows move nothing: an
-- answer is only ever remembered of rows that were there. Nor does the evidence of use, which is written all the time.
CREATE TABLE identity_epoch (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    number INTEGER NOT NULL
) STRICT;
INSERT INTO identity_epoch VALUES (1, 0);

CREATE TRIGGER users_epoch AFTER UPDATE OF uuid, email, email_key, name, is_active ON users
BEGIN UPDATE identity_epoch SET number = number + 1; END;
CREATE TRIGGER workspaces_epoch AFTER UPDATE ON workspaces
BEGIN UPDATE identity_epoch SET number = number + 1; END;
CREATE TRIGGER memberships_epoch AFTER UPDATE OF user_id, workspace_id, role, removed_at ON memberships
BEGIN UPDATE identity_epoch SET number = number + 1; END;
CREATE TRIGGER tokens_epoch AFTER UPDATE ON tokens
BEGIN UPDATE identity_epoch SET number = number + 1; END;
CREATE TRIGGER token_values_epoch AFTER UPDATE OF token_id, digest, ends_at, end_reason ON token_values
BEGIN UPDATE identity_epoch SET number = number + 1; END;

CREATE TRIGGER users_epoch_gone AFTER DELETE ON users
BEGIN UPDATE identity_epoch SET number = number + 1; END;
CREATE TRIGGER workspaces_epoch_gone AFTER DELETE ON workspaces
BEGIN UPDATE identity_epoch SET number = number + 1; END;
CREATE TRIGGER memberships_epoch_gone AFTER DELETE ON memberships
BEGIN UPDATE identity_epoch SET number = number + 1; END;
CREATE TRIGGER tokens_epoch_gone AFTER DELETE ON tokens
BEGIN UPDATE identity_epoch SET number = number + 1; END;
CREATE TRIGGER token_values_epoch_gone AFTER DELETE ON token_values
BEGIN UPDATE identity_epoch SET number = number + 1; END;
