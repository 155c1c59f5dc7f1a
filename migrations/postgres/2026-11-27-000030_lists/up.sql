-- What the lists of members and tokens are searched and sorted by. name_key is the case-folded name, name_sort the name in
-- natural order; Rust computes both, also for the rows that exist, when the program starts. Triggers derive the rest.
ALTER TABLE users ADD COLUMN name_key TEXT NOT NULL DEFAULT '', ADD COLUMN name_sort TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX users_without_sort ON users (id) WHERE name_sort = '';
ALTER TABLE tokens ADD COLUMN name_sort TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX tokens_without_sort ON tokens (id) WHERE name_sort = '';

-- Copies of the user's columns, the number of tokens, and the last page view of the user in any workspace (0 if unknown).
ALTER TABLE memberships
    ADD COLUMN name_sort TEXT COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN search_text TEXT COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN token_count BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN last_seen_at BIGINT NOT NULL DEFAULT 0;
UPDATE memberships SET
    search_text = (SELECT name_key || ' ' || email_key FROM users WHERE id = user_id),
    token_count = (SELECT count(*) FROM tokens WHERE membership_id = memberships.id AND deleted_at IS NULL),
    last_seen_at = coalesce((SELECT max(sessions.last_seen_at) FROM sessions WHERE sessions.user_id = memberships.user_id), 0);
CREATE INDEX members_name ON memberships (workspace_id, name_sort, id) WHERE removed_at IS NULL;
CREATE INDEX members_role ON memberships (workspace_id, role, name_sort, id) WHERE removed_at IS NULL;
CREATE INDEX members_tokens ON memberships (workspace_id, token_count, name_sort, id) WHERE removed_at IS NULL;
CREATE INDEX members_joined ON memberships (workspace_id, created_at, id) WHERE removed_at IS NULL;
CREATE INDEX members_seen ON memberships (workspace_id, last_seen_at, id) WHERE removed_at IS NULL;
CREATE INDEX members_search ON memberships (workspace_id, search_text, id) WHERE removed_at IS NULL;

-- The tokens that are not deleted, one row each, for the list of a workspace's tokens. Derived: triggers copy the rows of
-- the view, and the table can be filled from it at any time. Uses are exact to the hour, so that a token that is in use
-- changes its row once an hour. retiring_until is 0 unless an old value has a grace period; ends_at is the largest number
-- if there is no expiry.
CREATE TABLE token_listings (
    token_id         BIGINT PRIMARY KEY REFERENCES tokens (id) ON DELETE CASCADE,
    workspace_id     BIGINT NOT NULL,
    name_sort        TEXT COLLATE "C" NOT NULL,
    owner_sort       TEXT COLLATE "C" NOT NULL,
    search_text      TEXT COLLATE "C" NOT NULL,
    created_at       BIGINT NOT NULL,
    value_created_at BIGINT NOT NULL,
    ends_at          BIGINT NOT NULL,
    retiring_until   BIGINT NOT NULL,
    used_hour        BIGINT NOT NULL,
    idle_since       BIGINT NOT NULL
);
-- num_nulls and not IS NULL: a session that plans this while the table is nearly empty, and then adds many tokens, would read all
-- living tokens by one of their partial indexes for each new one.
CREATE VIEW token_listing_rows AS
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
INSERT INTO token_listings SELECT * FROM token_listing_rows;
CREATE INDEX token_listings_name ON token_listings (workspace_id, name_sort, token_id);
CREATE INDEX token_listings_owner ON token_listings (workspace_id, owner_sort, name_sort, token_id);
CREATE INDEX token_listings_created ON token_listings (workspace_id, created_at, token_id);
CREATE INDEX token_listings_used ON token_listings (workspace_id, used_hour, token_id);
CREATE INDEX token_listings_ends ON token_listings (workspace_id, ends_at, token_id);
CREATE INDEX token_listings_retiring ON token_listings (workspace_id, retiring_until, token_id);
CREATE INDEX token_listings_idle ON token_listings (workspace_id, idle_since, token_id);
CREATE INDEX token_listings_value ON token_listings (workspace_id, value_created_at, token_id);
CREATE INDEX token_listings_search ON token_listings (workspace_id, search_text, token_id);

-- Copies the row of the view for this token. Changes of a member's tokens lock the membership's row, so two of them do not
-- overlap.
CREATE FUNCTION refresh_token_listing(token BIGINT) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM token_listings WHERE token_id = token
        AND NOT EXISTS (SELECT FROM tokens WHERE id = token AND num_nulls(deleted_at) = 1);
    INSERT INTO token_listings SELECT * FROM token_listing_rows WHERE token_id = token
    ON CONFLICT (token_id) DO UPDATE SET
        name_sort = excluded.name_sort, owner_sort = excluded.owner_sort, search_text = excluded.search_text,
        created_at = excluded.created_at, value_created_at = excluded.value_created_at, ends_at = excluded.ends_at,
        retiring_until = excluded.retiring_until, used_hour = excluded.used_hour, idle_since = excluded.idle_since;
END $$;
CREATE FUNCTION count_tokens(membership BIGINT) RETURNS void LANGUAGE sql AS $$
    UPDATE memberships SET
        token_count = (SELECT count(*) FROM tokens WHERE membership_id = membership AND deleted_at IS NULL)
    WHERE id = membership
$$;

CREATE FUNCTION users_list() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE memberships SET name_sort = NEW.name_sort, search_text = NEW.name_key || ' ' || NEW.email_key
    WHERE user_id = NEW.id AND removed_at IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER users_list AFTER UPDATE OF name_key, name_sort, email_key ON users FOR EACH ROW
    WHEN ((NEW.name_key, NEW.name_sort, NEW.email_key) IS DISTINCT FROM (OLD.name_key, OLD.name_sort, OLD.email_key))
    EXECUTE FUNCTION users_list();

CREATE FUNCTION memberships_list_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT name_sort, name_key || ' ' || email_key INTO NEW.name_sort, NEW.search_text FROM users WHERE id = NEW.user_id;
    NEW.last_seen_at := greatest(NEW.last_seen_at,
        (SELECT max(sessions.last_seen_at) FROM sessions WHERE sessions.user_id = NEW.user_id));
    RETURN NEW;
END $$;
CREATE TRIGGER memberships_list_new BEFORE INSERT ON memberships FOR EACH ROW EXECUTE FUNCTION memberships_list_new();

CREATE FUNCTION memberships_list() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refresh_token_listing(id) FROM tokens WHERE membership_id = NEW.id AND deleted_at IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER memberships_list AFTER UPDATE OF name_sort, search_text ON memberships FOR EACH ROW
    WHEN ((NEW.name_sort, NEW.search_text) IS DISTINCT FROM (OLD.name_sort, OLD.search_text))
    EXECUTE FUNCTION memberships_list();

CREATE FUNCTION sessions_list() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE memberships SET last_seen_at = NEW.last_seen_at WHERE user_id = NEW.user_id AND removed_at IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER sessions_list AFTER INSERT OR UPDATE OF last_seen_at ON sessions FOR EACH ROW
    WHEN (NEW.user_id IS NOT NULL) EXECUTE FUNCTION sessions_list();

CREATE FUNCTION tokens_list() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM count_tokens(coalesce(NEW.membership_id, OLD.membership_id));
    PERFORM refresh_token_listing(coalesce(NEW.id, OLD.id));
    RETURN NULL;
END $$;
CREATE TRIGGER tokens_list_new AFTER INSERT ON tokens FOR EACH ROW WHEN (NEW.deleted_at IS NULL)
    EXECUTE FUNCTION tokens_list();
CREATE TRIGGER tokens_list AFTER UPDATE OF name_key, name_sort, deleted_at ON tokens FOR EACH ROW
    WHEN (OLD.deleted_at IS NULL OR NEW.deleted_at IS NULL) EXECUTE FUNCTION tokens_list();
CREATE TRIGGER tokens_list_gone AFTER DELETE ON tokens FOR EACH ROW WHEN (OLD.deleted_at IS NULL)
    EXECUTE FUNCTION tokens_list();

CREATE FUNCTION token_values_list() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM tokens WHERE id = coalesce(NEW.token_id, OLD.token_id) AND num_nulls(deleted_at) = 1) THEN
        PERFORM refresh_token_listing(coalesce(NEW.token_id, OLD.token_id));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER token_values_list AFTER INSERT OR UPDATE OF ends_at, end_reason OR DELETE ON token_values FOR EACH ROW
    EXECUTE FUNCTION token_values_list();

-- A time that is more than a day ahead was written by a wrong clock.
CREATE FUNCTION value_uses_list() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE hour BIGINT := NEW.last_used_at / 3600000000 * 3600000000;
BEGIN
    UPDATE token_listings SET used_hour = hour, idle_since = greatest(hour, value_created_at)
    WHERE token_id = (SELECT token_id FROM token_values WHERE id = NEW.value_id)
        AND (used_hour < hour OR used_hour > hour + 86400000000);
    RETURN NULL;
END $$;
CREATE TRIGGER value_uses_list_new AFTER INSERT ON value_uses FOR EACH ROW
    WHEN (NEW.last_used_at IS NOT NULL) EXECUTE FUNCTION value_uses_list();
CREATE TRIGGER value_uses_list AFTER UPDATE OF last_used_at ON value_uses FOR EACH ROW
    WHEN (NEW.last_used_at / 3600000000 IS DISTINCT FROM OLD.last_used_at / 3600000000)
    EXECUTE FUNCTION value_uses_list();

-- The list of open invitations, the newest first, and what it is searched by: the case-folded note and address.
ALTER TABLE one_time_links ADD COLUMN search_text TEXT NOT NULL DEFAULT '';
UPDATE one_time_links SET search_text = lower(coalesce(note, '') || ' ' || coalesce(email, ''));
CREATE INDEX one_time_links_open ON one_time_links (workspace, created_at, uuid)
    WHERE purpose = 'invitation' AND used_at IS NULL;
