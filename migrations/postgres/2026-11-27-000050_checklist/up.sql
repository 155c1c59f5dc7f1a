-- The time at which the member hid the checklist for a new workspace; NULL if they did not.
ALTER TABLE memberships ADD COLUMN checklist_hidden_at BIGINT;
