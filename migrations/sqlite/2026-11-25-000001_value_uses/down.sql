ALTER TABLE token_values ADD COLUMN first_used_at INTEGER;
ALTER TABLE token_values ADD COLUMN last_used_at INTEGER;
ALTER TABLE token_values ADD COLUMN last_used_ip TEXT;
ALTER TABLE token_values ADD COLUMN last_used_agent TEXT;
ALTER TABLE token_values ADD COLUMN tries_after_end INTEGER NOT NULL DEFAULT 0;
ALTER TABLE token_values ADD COLUMN last_try_at INTEGER;
ALTER TABLE token_values ADD COLUMN last_try_ip TEXT;
ALTER TABLE token_values ADD COLUMN last_try_agent TEXT;
UPDATE token_values SET first_used_at = u.first_used_at, last_used_at = u.last_used_at, last_used_ip = u.last_used_ip,
    last_used_agent = u.last_used_agent, tries_after_end = u.tries_after_end, last_try_at = u.last_try_at,
    last_try_ip = u.last_try_ip, last_try_agent = u.last_try_agent
FROM value_uses u WHERE u.value_id = token_values.id;
DROP TABLE value_uses;
