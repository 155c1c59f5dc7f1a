-- Calls of each workspace by day: the sums of usage_days, added in the transaction that adds to those. They stay when a token is
-- purged.
CREATE TABLE workspace_usage_days (
    workspace_id INTEGER NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    day          INTEGER NOT NULL,
    calls        INTEGER NOT NULL DEFAULT 0,
    rejected     INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (workspace_id, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX workspace_usage_days_day ON workspace_usage_days (day);
INSERT INTO workspace_usage_days (workspace_id, day, calls, rejected)
SELECT memberships.workspace_id, usage_days.day, sum(usage_days.calls), sum(usage_days.rejected)
FROM usage_days JOIN token_values ON token_values.id = usage_days.value_id JOIN tokens ON tokens.id = token_values.token_id
JOIN memberships ON memberships.id = tokens.membership_id GROUP BY memberships.workspace_id, usage_days.day;

-- The tokens with the most calls and with the most rejected calls of each workspace in 30 days. A background job counts them;
-- nothing else is derived from them.
CREATE TABLE top_tokens (
    token_id     INTEGER PRIMARY KEY REFERENCES tokens (id) ON DELETE CASCADE,
    workspace_id INTEGER NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    calls        INTEGER NOT NULL,
    rejected     INTEGER NOT NULL,
    counted_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX top_tokens_workspace ON top_tokens (workspace_id);
