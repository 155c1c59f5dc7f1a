ALTER TABLE sessions DROP COLUMN credentials_generation;
ALTER TABLE users DROP COLUMN credentials_generation;
