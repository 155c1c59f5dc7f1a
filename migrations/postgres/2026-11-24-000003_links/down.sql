DROP TABLE one_time_links;
CREATE TABLE one_time_links (
    digest     BYTEA NOT NULL PRIMARY KEY,
    purpose    TEXT NOT NULL CHECK (purpose IN ('setup', 'invitation', 'reset')),
    workspace  TEXT,
    role       TEXT,
    user_uuid  TEXT,
    created_by TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT
);
