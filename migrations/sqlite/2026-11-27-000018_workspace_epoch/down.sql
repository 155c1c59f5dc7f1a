DROP TRIGGER workspaces_epoch_new;
