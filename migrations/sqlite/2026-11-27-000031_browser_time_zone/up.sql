-- Whether pages show times in the browser's time zone, instead of the workspace's. It does not affect who a caller is.
ALTER TABLE users ADD COLUMN prefers_browser_zone INTEGER NOT NULL DEFAULT 0 CHECK (prefers_browser_zone IN (0, 1));
