-- Whether pages show times in the browser's time zone, instead of the workspace's. It does not affect who a caller is.
ALTER TABLE users ADD COLUMN prefers_browser_zone BOOLEAN NOT NULL DEFAULT FALSE;
