//! Many rows of the past, written by SQL.

use crate::support::TestServer;
use crate::support::database::is_postgres;

impl TestServer {
    /// Adds this many events of Alice in `acme`, one a second, the latest one now. The oldest one is about the token `Needle`.
    pub fn add_events(&self, count: u32) {
        let now = self.now().micros();
        self.db_execute(&format!(
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {}) \
             INSERT INTO events (at, kind, action, actor, actor_name, actor_email, workspace, token_name, ip, agent) \
             SELECT {now} - CAST(i AS BIGINT) * 1000000, 'x', CASE i WHEN {} THEN 'workspace_changed' ELSE 'token_created' END, \
             (SELECT uuid FROM users WHERE name = 'Alice'), 'Alice', 'alice@example.org', \
             (SELECT uuid FROM workspaces WHERE slug = 'acme'), CASE i WHEN {} THEN 'Needle' ELSE 'Job ' || i END, \
             '192.0.2.1', 'curl/8.5.0' FROM n",
            count - 1,
            count - 2,
            count - 1
        ));
    }

    /// Adds this many deleted tokens of a member of `acme`, one deleted each second, `Job 0` the latest.
    pub fn add_deleted_tokens(&self, owner: &str, count: u32) {
        let now = self.now().micros();
        let numbers =
            format!("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {})", count - 1);
        let bytes = if is_postgres() { "BYTEA" } else { "BLOB" };
        self.db_execute(&format!(
            "{numbers} INSERT INTO tokens (uuid, membership_id, slot, name, name_key, created_at, deleted_at, deleted_by, deleted_via) \
             SELECT '00000000-0000-4000-8000-' || CAST(100000000000 + i AS TEXT), \
             (SELECT m.id FROM memberships m JOIN users u ON u.id = m.user_id JOIN workspaces w ON w.id = m.workspace_id \
             WHERE u.name = '{owner}' AND w.slug = 'acme'), 1, 'Job ' || i, 'job ' || i, {now} - 1000000000, \
             {now} - CAST(i AS BIGINT) * 1000000, 'x', 'page' FROM n"
        ));
        self.db_execute(&format!(
            "INSERT INTO token_values (token_id, generation, digest, hint, created_at, ends_at, end_reason) \
             SELECT id, 1, CAST(uuid AS {bytes}), substr(uuid, 33), created_at, deleted_at, 'deleted' FROM tokens \
             WHERE name LIKE 'Job %' AND deleted_at IS NOT NULL"
        ));
        self.db_execute(
            "UPDATE tokens SET deleted_hint = substr(uuid, 33) WHERE name LIKE 'Job %' AND deleted_at IS NOT NULL",
        );
        self.db_execute(
            "INSERT INTO value_uses (value_id) SELECT id FROM token_values WHERE id NOT IN (SELECT value_id FROM value_uses)",
        );
    }

    /// Adds calls of all values that are not deleted, on this many days up to today, fewer at weekends. Adds twenty callers of
    /// each of 100 tokens.
    pub fn add_usage(&self, days: i64) {
        let now = self.now().micros();
        let today = now / 86_400_000_000;
        let numbers = |first: i64, last: i64| {
            format!("WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last})")
        };
        self.db_execute(&format!(
            "{} INSERT INTO usage_days (day, value_id, calls, rejected) SELECT i, v.id, CASE WHEN (i + 4) % 7 < 2 THEN 20 ELSE 150 + (v.id * 7 + i * 13) % 60 END, CASE WHEN v.id % 10 = 0 THEN i % 50 / 49 ELSE 0 END FROM n \
             CROSS JOIN token_values v JOIN tokens t ON t.id = v.token_id WHERE t.deleted_at IS NULL ORDER BY i, v.id",
            numbers(today - days + 1, today)
        ));
        self.db_execute(
            "INSERT INTO workspace_usage_days (workspace_id, day, calls, rejected) SELECT m.workspace_id, d.day, \
             sum(d.calls), sum(d.rejected) FROM usage_days d JOIN token_values v ON v.id = d.value_id \
             JOIN tokens t ON t.id = v.token_id JOIN memberships m ON m.id = t.membership_id GROUP BY m.workspace_id, d.day",
        );
        self.db_execute(&format!(
            "{} INSERT INTO usage_origins (token_id, ip, agent, first_seen_at, last_seen_at, calls) \
             SELECT t.id, '203.0.113.' || i, 'curl/8.5.0', {now} - 1000000 * i, {now}, i FROM n CROSS JOIN \
             (SELECT id FROM tokens WHERE deleted_at IS NULL ORDER BY id LIMIT 100) t",
            numbers(1, 20)
        ));
    }

    /// Updates the planner's statistics, as `PostgreSQL` does after many changes and the server on `SQLite` every hour.
    pub fn update_statistics(&self) {
        if is_postgres() {
            self.db_alter("ANALYZE");
        } else {
            actix_web::rt::System::new().block_on(self.db.optimize()).unwrap();
        }
    }
}
