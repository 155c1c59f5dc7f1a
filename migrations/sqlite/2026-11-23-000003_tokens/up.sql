-- What opens the API. The limit of 3 tokens a membership is these two lines: slot is 1, 2 or 3,
-- and no two live tokens of a membership share one.
CREATE TABLE tokens (
    id            INTEGER PRIMARY KEY,
    uuid          TEXT NOT NULL UNIQUE,
    membership_id INTEGER NOT NULL REFERENCES memberships (id),
    slot          INTEGER NOT NULL CHECK (slot BETWEEN 1 AND 3),
    name          TEXT NOT NULL,
    name_key      TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    deleted_at    INTEGER,
    deleted_by    TEXT,
    deleted_via   TEXT
) STRICT;
CREATE UNIQUE INDEX tokens_slot ON tokens (membership_id, slot) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX tokens_name ON tokens (membership_id, name_key) WHERE deleted_at IS NULL;
CREATE INDEX tokens_membership ON tokens (membership_id);

-- A value lives from created_at until ends_at; the highest generation is the current one.
CREATE TABLE token_values (
    id              INTEGER PRIMARY KEY,
    token_id        INTEGER NOT NULL REFERENCES tokens (id),
    generation      INTEGER NOT NULL,
    digest          BLOB NOT NULL UNIQUE,
    form_key        TEXT UNIQUE,
    hint            TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    ends_at         INTEGER,
    end_reason      TEXT,
    first_used_at   INTEGER,
    last_used_at    INTEGER,
    last_used_ip    TEXT,
    last_used_agent TEXT,
    tries_after_end INTEGER NOT NULL DEFAULT 0,
    last_try_at     INTEGER,
    last_try_ip     TEXT,
    last_try_agent  TEXT,
    UNIQUE (token_id, generation)
) STRICT;
