-- For the lists of deleted tokens: the workspace, and the last characters of the last value in lower case, for the search.
-- NULL for a token that is not deleted.
ALTER TABLE tokens ADD COLUMN deleted_in INTEGER;
ALTER TABLE tokens ADD COLUMN deleted_hint TEXT;
UPDATE tokens SET deleted_in = (SELECT workspace_id FROM memberships WHERE id = membership_id),
    deleted_hint = (SELECT lower(hint) FROM token_values WHERE token_id = tokens.id ORDER BY generation DESC LIMIT 1)
WHERE deleted_at IS NOT NULL;
CREATE INDEX tokens_deleted ON tokens (deleted_in, deleted_at, id) WHERE deleted_in IS NOT NULL;
CREATE TRIGGER tokens_deleted_new AFTER INSERT ON tokens WHEN NEW.deleted_at IS NOT NULL AND NEW.deleted_in IS NULL
BEGIN
    UPDATE tokens SET deleted_in = (SELECT workspace_id FROM memberships WHERE id = NEW.membership_id),
        deleted_hint = (SELECT lower(hint) FROM token_values WHERE token_id = NEW.id ORDER BY generation DESC LIMIT 1)
    WHERE id = NEW.id;
END;
CREATE TRIGGER tokens_deleted AFTER UPDATE OF deleted_at ON tokens
WHEN NEW.deleted_at IS NOT NULL AND NEW.deleted_in IS NULL
BEGIN
    UPDATE tokens SET deleted_in = (SELECT workspace_id FROM memberships WHERE id = NEW.membership_id),
        deleted_hint = (SELECT lower(hint) FROM token_values WHERE token_id = NEW.id ORDER BY generation DESC LIMIT 1)
    WHERE id = NEW.id;
END;
