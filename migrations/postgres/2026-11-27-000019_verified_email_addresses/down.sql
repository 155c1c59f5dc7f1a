DROP TRIGGER users_epoch ON users;
CREATE CONSTRAINT TRIGGER users_epoch AFTER UPDATE OF uuid, email, email_key, name, is_active OR DELETE ON users
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION move_identity_epoch();

ALTER TABLE one_time_links DROP COLUMN email;
ALTER TABLE users DROP COLUMN email_verified_at;
