DROP TRIGGER users_epoch;
CREATE TRIGGER users_epoch AFTER UPDATE OF uuid, email, email_key, name, is_active ON users
BEGIN UPDATE identity_epoch SET number = random(); END;

ALTER TABLE one_time_links DROP COLUMN email;
ALTER TABLE users DROP COLUMN email_verified_at;
