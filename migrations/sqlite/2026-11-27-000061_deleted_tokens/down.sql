DROP TRIGGER tokens_deleted;
DROP TRIGGER tokens_deleted_new;
DROP INDEX tokens_deleted;
ALTER TABLE tokens DROP COLUMN deleted_hint;
ALTER TABLE tokens DROP COLUMN deleted_in;
