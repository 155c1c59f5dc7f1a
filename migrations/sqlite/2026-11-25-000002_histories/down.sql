DROP INDEX events_account_subject;
DROP INDEX events_subject;
CREATE INDEX events_subject ON events (subject, at);
DROP INDEX events_account_actor;
DROP INDEX events_actor;
CREATE INDEX events_actor ON events (actor, kind, at);
DROP INDEX tokens_membership;
CREATE INDEX tokens_membership ON tokens (membership_id);
