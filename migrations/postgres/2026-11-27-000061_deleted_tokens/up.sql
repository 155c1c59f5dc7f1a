-- The workspace of a deleted token, for the list of a workspace's deleted tokens. NULL for a token that is not deleted.
ALTER TABLE tokens ADD COLUMN deleted_in BIGINT;
CREATE INDEX tokens_deleted ON tokens (deleted_in, deleted_at, id) WHERE deleted_in IS NOT NULL;
CREATE FUNCTION tokens_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.deleted_in := (SELECT workspace_id FROM memberships WHERE id = NEW.membership_id);
    RETURN NEW;
END $$;
CREATE TRIGGER tokens_deleted BEFORE INSERT OR UPDATE OF deleted_at ON tokens FOR EACH ROW
    WHEN (NEW.deleted_at IS NOT NULL AND NEW.deleted_in IS NULL) EXECUTE FUNCTION tokens_deleted();
-- The last statement: a table with pending trigger events can't be altered.
UPDATE tokens SET deleted_in = (SELECT workspace_id FROM memberships WHERE id = membership_id) WHERE deleted_at IS NOT NULL;
