DROP INDEX sign_in_attempts_network;
CREATE INDEX sign_in_attempts_address ON sign_in_attempts (address, at);
ALTER TABLE sign_in_attempts DROP COLUMN network;
