ALTER TABLE memberships DROP COLUMN checklist_hidden_at;
