//! The numbers of *Needs attention* for administrators of a large workspace.

use crate::members::many_members::add_many_members;
use crate::support::database::is_postgres;
use crate::support::{TestServer, query_log};

#[db_test]
fn the_tokens_of_a_large_workspace_that_need_attention_are_counted_by_index_up_to_a_limit() {
    query_log::enable();
    let server = TestServer::start();
    // PostgreSQL would scan a table of which most rows are of one workspace.
    let shares = if is_postgres() { 8 } else { 1 };
    add_many_members(&server, 2_000 * shares, shares);
    let alice = server.signed_in("alice");
    server.create_token(&alice, "acme", "Reporting");
    let mut conn = server.database.connect();
    for path in ["/w/acme", "/w/acme/settings/tokens"] {
        let (page, queries) = query_log::record(&server.database, || alice.get(path));
        assert_eq!(
            page.page().texts(".attention li"),
            [
                "In the whole workspace: 1,000+ tokens have expired See",
                "In the whole workspace: 1,000+ tokens expire within 14 days See",
                "In the whole workspace: 1,000+ tokens have not been used for 30 days See"
            ],
            "{path}"
        );
        let counts: Vec<&String> = queries.iter().filter(|sql| sql.contains("token_listings")).collect();
        assert_eq!(counts.len(), 1, "{path}: {counts:#?}");
        let plan = query_log::plan(&mut conn, counts[0]);
        let is_scanned = |step: &&String| step.contains("Seq Scan") || step.contains("SCAN token_listings");
        assert_eq!(plan.iter().find(is_scanned), None, "{path}: {}\n{}", counts[0], plan.join("\n"));
        for index in ["token_listings_ends", "token_listings_idle"] {
            assert!(plan.iter().any(|step| step.contains(index)), "{path}: {}\n{}", counts[0], plan.join("\n"));
        }
    }
}
