DROP TABLE top_tokens;
DROP TABLE workspace_usage_days;
