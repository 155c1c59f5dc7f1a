-- What an event's reader needs besides: our own word for what happened (kind is the vocabulary's, which has one for
-- several of them), whom it happened to, and how people and tokens were called then. Rows from before have none of it.
ALTER TABLE events ADD COLUMN action TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN actor_name TEXT;
ALTER TABLE events ADD COLUMN actor_email TEXT;
ALTER TABLE events ADD COLUMN subject TEXT;
ALTER TABLE events ADD COLUMN subject_name TEXT;
ALTER TABLE events ADD COLUMN subject_email TEXT;
ALTER TABLE events ADD COLUMN token_name TEXT;
DROP INDEX events_workspace;
CREATE INDEX events_workspace ON events (workspace, at);
CREATE INDEX events_subject ON events (subject, at);
