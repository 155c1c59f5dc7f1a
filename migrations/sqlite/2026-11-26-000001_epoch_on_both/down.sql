-- Here the epoch has moved since there is one; this is so that both databases have the same migrations.
SELECT 1;
