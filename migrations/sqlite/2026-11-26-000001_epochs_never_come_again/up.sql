-- The number is a new one with each move, no longer the next: the past and the future of a database that was restored
-- beneath a running program would come to the same one.
DROP TRIGGER users_epoch;
DROP TRIGGER workspaces_epoch;
DROP TRIGGER memberships_epoch;
DROP TRIGGER tokens_epoch;
DROP TRIGGER token_values_epoch;
DROP TRIGGER users_epoch_gone;
DROP TRIGGER workspaces_epoch_gone;
DROP TRIGGER memberships_epoch_gone;
DROP TRIGGER tokens_epoch_gone;
DROP TRIGGER token_values_epoch_gone;

CREATE TRIGGER users_epoch AFTER UPDATE OF uuid, email, email_key, name, is_active ON users
BEGIN UPDATE identity_epoch SET number = random(); END;
CREATE TRIGGER workspaces_epoch AFTER UPDATE ON workspaces
BEGIN UPDATE identity_epoch SET number = random(); END;
CREATE TRIGGER memberships_epoch AFTER UPDATE OF user_id, workspace_id, role, removed_at ON memberships
BEGIN UPDATE identity_epoch SET number = random(); END;
CREATE TRIGGER tokens_epoch AFTER UPDATE ON tokens
BEGIN UPDATE identity_epoch SET number = random(); END;
CREATE TRIGGER token_values_epoch AFTER UPDATE OF token_id, digest, ends_at, end_reason ON token_values
BEGIN UPDATE identity_epoch SET number = random(); END;

CREATE TRIGGER users_epoch_gone AFTER DELETE ON users
BEGIN UPDATE identity_epoch SET number = random(); END;
CREATE TRIGGER workspaces_epoch_gone AFTER DELETE ON workspaces
BEGIN UPDATE identity_epoch SET number = random(); END;
CREATE TRIGGER memberships_epoch_gone AFTER DELETE ON memberships
BEGIN UPDATE identity_epoch SET number = random(); END;
CREATE TRIGGER tokens_epoch_gone AFTER DELETE ON tokens
BEGIN UPDATE identity_epoch SET number = random(); END;
CREATE TRIGGER token_values_epoch_gone AFTER DELETE ON token_values
BEGIN UPDATE identity_epoch SET number = random(); END;
