DROP TABLE settings;
DROP TABLE one_time_links;
DROP TABLE sign_in_attempts;
DROP TABLE sessions;
DROP TABLE users;
