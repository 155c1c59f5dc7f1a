-- The generation of a user's credentials. It grows when everything made with the old credentials has to end. A session
-- stores the generation of the credentials that it was made with and is valid only while both are equal.
ALTER TABLE users ADD COLUMN credentials_generation INTEGER NOT NULL DEFAULT 0;

-- NULL for a session without a user. Existing sessions have no known generation, so they end.
DELETE FROM sessions;
ALTER TABLE sessions ADD COLUMN credentials_generation INTEGER;
