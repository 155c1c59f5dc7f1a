-- Whether there is more than one workspace decides what forward authentication allows, and is cached by epoch.
CREATE CONSTRAINT TRIGGER workspaces_epoch_new AFTER INSERT ON workspaces
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION move_identity_epoch();
