-- The note of a token can be searched. note_key is the case-folded note, empty without one; Rust computes it, also for the notes
-- that exist, when the program starts. A search text stays below 2 KB: an index row of PostgreSQL can have 2.7 KB.
ALTER TABLE tokens ADD COLUMN note_key TEXT NOT NULL DEFAULT '';
CREATE INDEX tokens_without_note_key ON tokens (id) WHERE note_key = '' AND note IS NOT NULL;

CREATE OR REPLACE VIEW token_listing_rows AS
SELECT listing.*, greatest(listing.used_hour, listing.value_created_at) AS idle_since FROM (
    SELECT tokens.id AS token_id, memberships.workspace_id, tokens.name_sort, memberships.name_sort AS owner_sort,
        tokens.name_key || ' ' || lower(value.hint) || ' ' || memberships.search_text
            || CASE tokens.note_key WHEN '' THEN '' ELSE ' ' || tokens.note_key END AS search_text, tokens.created_at,
        value.created_at AS value_created_at, coalesce(value.ends_at, 9223372036854775807) AS ends_at,
        coalesce((SELECT max(old.ends_at) FROM token_values AS old WHERE old.token_id = tokens.id
            AND old.generation < value.generation AND old.end_reason = 'retired'), 0) AS retiring_until,
        coalesce((SELECT max(last_used_at) / 3600000000 * 3600000000 FROM token_values AS used
            JOIN value_uses ON value_uses.value_id = used.id WHERE used.token_id = tokens.id), 0) AS used_hour
    FROM tokens JOIN memberships ON memberships.id = tokens.membership_id
    JOIN token_values AS value ON value.token_id = tokens.id
        AND value.generation = (SELECT max(generation) FROM token_values AS newest WHERE newest.token_id = tokens.id)
    WHERE num_nulls(tokens.deleted_at) = 1
) AS listing;
DROP TRIGGER tokens_list ON tokens;
CREATE TRIGGER tokens_list AFTER UPDATE OF name_key, name_sort, note_key, deleted_at ON tokens FOR EACH ROW
    WHEN (OLD.deleted_at IS NULL OR NEW.deleted_at IS NULL) EXECUTE FUNCTION tokens_list();
