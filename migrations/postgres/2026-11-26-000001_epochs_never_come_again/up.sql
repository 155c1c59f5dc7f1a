-- From now on answers are remembered here too, so the number moves with everything that decides who a value's caller is and
-- what they may do, as it does on SQLite. To the next one: what else tells an epoch from others is read with it. It moves
-- as the last thing of a transaction, and once: two that change something wait for each other only while the first commits,
-- and never in a circle.
CREATE FUNCTION move_identity_epoch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE identity_epoch SET number = number + 1 WHERE xmin <> pg_current_xact_id()::xid;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER users_epoch AFTER UPDATE OF uuid, email, email_key, name, is_active OR DELETE ON users
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION move_identity_epoch();
CREATE CONSTRAINT TRIGGER workspaces_epoch AFTER UPDATE OR DELETE ON workspaces
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION move_identity_epoch();
CREATE CONSTRAINT TRIGGER memberships_epoch AFTER UPDATE OF user_id, workspace_id, role, removed_at OR DELETE ON memberships
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION move_identity_epoch();
CREATE CONSTRAINT TRIGGER tokens_epoch AFTER UPDATE OR DELETE ON tokens
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION move_identity_epoch();
CREATE CONSTRAINT TRIGGER token_values_epoch AFTER UPDATE OF token_id, digest, ends_at, end_reason OR DELETE ON token_values
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION move_identity_epoch();

-- Whoever empties one of these tables empties token_values with it, which refers to all of them.
CREATE TRIGGER token_values_epoch_emptied AFTER TRUNCATE ON token_values EXECUTE FUNCTION move_identity_epoch();
