DROP INDEX events_token;
ALTER TABLE tokens DROP COLUMN note;
DROP TABLE usage_origins;
DROP TABLE usage_days;
