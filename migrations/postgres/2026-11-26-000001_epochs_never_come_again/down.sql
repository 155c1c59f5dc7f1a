DROP TRIGGER users_epoch ON users;
DROP TRIGGER workspaces_epoch ON workspaces;
DROP TRIGGER memberships_epoch ON memberships;
DROP TRIGGER tokens_epoch ON tokens;
DROP TRIGGER token_values_epoch ON token_values;
DROP TRIGGER token_values_epoch_emptied ON token_values;
DROP FUNCTION move_identity_epoch();
