-- What happened: append-only copies of text, so that it outlives what it tells of.
CREATE TABLE events (
    id        INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL,
    kind      TEXT NOT NULL,
    actor     TEXT,
    workspace TEXT,
    token     TEXT,
    ip        TEXT,
    agent     TEXT,
    detail    TEXT
) STRICT;
CREATE INDEX events_workspace ON events (workspace, id);
CREATE INDEX events_actor ON events (actor, kind, at);
CREATE INDEX events_at ON events (at);
