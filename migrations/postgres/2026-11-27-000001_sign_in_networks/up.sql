-- The widest network under which the attempt counts: the address itself, or the /48 network of an IPv6 address.
ALTER TABLE sign_in_attempts ADD COLUMN network TEXT NOT NULL DEFAULT '';
DROP INDEX sign_in_attempts_address;
CREATE INDEX sign_in_attempts_network ON sign_in_attempts (network, at);
