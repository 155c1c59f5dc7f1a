DROP TRIGGER tokens_deleted ON tokens;
DROP FUNCTION tokens_deleted;
DROP INDEX tokens_deleted;
ALTER TABLE tokens DROP COLUMN deleted_hint;
ALTER TABLE tokens DROP COLUMN deleted_in;
