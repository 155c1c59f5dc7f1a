DROP TRIGGER tokens_list ON tokens;
CREATE OR REPLACE VIEW token_listing_rows AS
SELECT listing.*, greatest(listing.used_hour, listing.value_created_at) AS idle_since FROM (
    SELECT tokens.id AS token_id, memberships.workspace_id, tokens.name_sort, memberships.name_sort AS owner_sort,
        tokens.name_key || ' ' || lower(value.hint) || ' ' || memberships.search_text AS search_text, tokens.created_at,
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
CREATE TRIGGER tokens_list AFTER UPDATE OF name_key, name_sort, deleted_at ON tokens FOR EACH ROW
    WHEN (OLD.deleted_at IS NULL OR NEW.deleted_at IS NULL) EXECUTE FUNCTION tokens_list();
UPDATE token_listings SET search_text = (SELECT listed.search_text FROM token_listing_rows AS listed
    WHERE listed.token_id = token_listings.token_id);
ALTER TABLE tokens DROP COLUMN note_key;
