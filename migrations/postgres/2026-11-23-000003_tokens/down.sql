DROP TABLE token_values;
DROP TABLE tokens;
