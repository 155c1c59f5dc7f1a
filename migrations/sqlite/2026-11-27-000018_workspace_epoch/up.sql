-- Whether there is more than one workspace decides what forward authentication allows, and is cached by epoch.
CREATE TRIGGER workspaces_epoch_new AFTER INSERT ON workspaces
BEGIN UPDATE identity_epoch SET number = random(); END;
