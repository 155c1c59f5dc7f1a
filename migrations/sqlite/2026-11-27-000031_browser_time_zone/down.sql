ALTER TABLE users DROP COLUMN prefers_browser_zone;
