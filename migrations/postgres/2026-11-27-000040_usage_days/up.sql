-- Calls of each value by day. A day is the number of days since 1970-01-01, in UTC. The day comes first in the key, so that the
-- rows of today, which are written all the time, are neighbours. There is no foreign key: it would need a second index.
CREATE TABLE usage_days (
    day      BIGINT NOT NULL,
    value_id BIGINT NOT NULL,
    calls    BIGINT NOT NULL DEFAULT 0,
    rejected BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (day, value_id)
) WITH (fillfactor = 70);

-- The callers of each token: address and program. The row without an address counts the others.
CREATE TABLE usage_origins (
    token_id      BIGINT NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    ip            TEXT NOT NULL,
    agent         TEXT NOT NULL,
    first_seen_at BIGINT NOT NULL,
    last_seen_at  BIGINT NOT NULL,
    calls         BIGINT NOT NULL DEFAULT 0,
    rejected      BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (token_id, ip, agent)
) WITH (fillfactor = 70);

-- What its owner knows of a token: where the value is stored, who runs the integration.
ALTER TABLE tokens ADD COLUMN note TEXT;

CREATE INDEX events_token ON events (token, at) WHERE token IS NOT NULL;
