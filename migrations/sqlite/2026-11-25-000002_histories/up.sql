-- Lists that show the latest of a long history read it from its end, and what lives is found beside what does not: each
-- index leads to the rows of one list, in the list's order.
DROP INDEX tokens_membership;
CREATE INDEX tokens_membership ON tokens (membership_id, deleted_at);

-- What somebody did, or what happened to them: in a workspace, or to their account, which belongs to none.
DROP INDEX events_actor;
CREATE INDEX events_actor ON events (actor, workspace, at) WHERE workspace IS NOT NULL;
CREATE INDEX events_account_actor ON events (actor, at) WHERE workspace IS NULL;
DROP INDEX events_subject;
CREATE INDEX events_subject ON events (subject, workspace, at) WHERE workspace IS NOT NULL;
CREATE INDEX events_account_subject ON events (subject, at) WHERE workspace IS NULL;
