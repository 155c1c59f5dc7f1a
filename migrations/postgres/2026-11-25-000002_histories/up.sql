-- Lists that show the latest of a long history read it from its end, and what lives is found beside what does not: each
-- index leads to the rows of one list, in the list's order to the last column, so that nothing is left to sort.
DROP INDEX tokens_membership;
CREATE INDEX tokens_membership ON tokens (membership_id, deleted_at, id);

-- What somebody did, or what happened to them: in a workspace, or to their account, which belongs to none.
DROP INDEX events_actor;
CREATE INDEX events_actor ON events (actor, workspace, at, id) WHERE workspace IS NOT NULL;
CREATE INDEX events_account_actor ON events (actor, at, id) WHERE workspace IS NULL;
DROP INDEX events_subject;
CREATE INDEX events_subject ON events (subject, workspace, at, id) WHERE workspace IS NOT NULL;
CREATE INDEX events_account_subject ON events (subject, at, id) WHERE workspace IS NULL;

-- What happened in a workspace, whoever did it.
DROP INDEX events_workspace;
CREATE INDEX events_workspace ON events (workspace, at, id);
