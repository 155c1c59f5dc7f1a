-- A link gets an identifier to speak of it by, the note and the form of its making, and an index for a workspace's list.
-- Made anew, since a column without a default can't be added: until now there were only set-up links, and each start
-- prints a new one.
DROP TABLE one_time_links;
CREATE TABLE one_time_links (
    digest     BYTEA NOT NULL PRIMARY KEY,
    uuid       TEXT NOT NULL UNIQUE,
    purpose    TEXT NOT NULL CHECK (purpose IN ('setup', 'invitation', 'reset')),
    workspace  TEXT,
    role       TEXT,
    note       TEXT,
    user_uuid  TEXT,
    created_by TEXT,
    form_key   TEXT UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT
);
CREATE INDEX one_time_links_workspace ON one_time_links (workspace);
