DROP TABLE one_time_links;
CREATE TABLE one_time_links (
    digest     BLOB NOT NULL PRIMARY KEY,
    purpose    TEXT NOT NULL CHECK (purpose IN ('setup', 'invitation', 'reset')),
    workspace  TEXT,
    role       TEXT,
    user_uuid  TEXT,
    created_by TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT;
