-- As on SQLite, so that both have the same tables. Here nobody remembers an answer, since nothing tells for less than
-- the lookup itself whether it still holds; so nothing moves the number.
CREATE TABLE identity_epoch (
    id     BIGINT PRIMARY KEY CHECK (id = 1),
    number BIGINT NOT NULL
);
INSERT INTO identity_epoch VALUES (1, 0);
