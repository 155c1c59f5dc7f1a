-- Where you are.
CREATE TABLE workspaces (
    id         INTEGER PRIMARY KEY,
    uuid       TEXT NOT NULL UNIQUE,
    slug       TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('demo', 'production')),
    country    TEXT NOT NULL,
    languages  TEXT NOT NULL,
    timezone   TEXT NOT NULL,
    date_style TEXT NOT NULL CHECK (date_style IN ('day_first', 'month_first', 'year_first')),
    created_at INTEGER NOT NULL
) STRICT;

-- A row is never deleted: leaving sets removed_at, coming back opens a new row.
CREATE TABLE memberships (
    id             INTEGER PRIMARY KEY,
    user_id        INTEGER NOT NULL REFERENCES users (id),
    workspace_id   INTEGER NOT NULL REFERENCES workspaces (id),
    role           TEXT NOT NULL CHECK (role IN ('administrator', 'editor', 'agent')),
    created_at     INTEGER NOT NULL,
    last_opened_at INTEGER NOT NULL,
    removed_at     INTEGER
) STRICT;
CREATE UNIQUE INDEX memberships_present ON memberships (user_id, workspace_id) WHERE removed_at IS NULL;
CREATE INDEX memberships_workspace ON memberships (workspace_id);
