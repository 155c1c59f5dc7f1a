-- The time at which a user's email address was verified; NULL if it is not. Users may have made up their addresses, and
-- nothing tells which ones, so no existing address is verified.
ALTER TABLE users ADD COLUMN email_verified_at INTEGER;

-- The only address that can accept an invitation; NULL for any.
ALTER TABLE one_time_links ADD COLUMN email TEXT;

-- The epoch changes with the verification too, because it decides what an API learns about a caller.
DROP TRIGGER users_epoch;
CREATE TRIGGER users_epoch AFTER UPDATE OF uuid, email, email_key, email_verified_at, name, is_active ON users
BEGIN UPDATE identity_epoch SET number = random(); END;
