-- The evidence of use, apart from what it is of: it is written all the time, and here some sixty rows share a page where in
-- token_values it was a dozen. Each value has its row from the beginning to the end.
CREATE TABLE value_uses (
    value_id        INTEGER PRIMARY KEY REFERENCES token_values (id) ON DELETE CASCADE,
    first_used_at   INTEGER,
    last_used_at    INTEGER,
    last_used_ip    TEXT,
    last_used_agent TEXT,
    tries_after_end INTEGER NOT NULL DEFAULT 0,
    last_try_at     INTEGER,
    last_try_ip     TEXT,
    last_try_agent  TEXT
) STRICT;
INSERT INTO value_uses
SELECT id, first_used_at, last_used_at, last_used_ip, last_used_agent, tries_after_end, last_try_at, last_try_ip,
    last_try_agent
FROM token_values ORDER BY id;

ALTER TABLE token_values DROP COLUMN first_used_at;
ALTER TABLE token_values DROP COLUMN last_used_at;
ALTER TABLE token_values DROP COLUMN last_used_ip;
ALTER TABLE token_values DROP COLUMN last_used_agent;
ALTER TABLE token_values DROP COLUMN tries_after_end;
ALTER TABLE token_values DROP COLUMN last_try_at;
ALTER TABLE token_values DROP COLUMN last_try_ip;
ALTER TABLE token_values DROP COLUMN last_try_agent;
