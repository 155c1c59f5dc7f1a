//! The SQL that this process sends to its databases, and how a database runs it.

use std::collections::BTreeMap;
use std::sync::{Mutex, Once};

use diesel::connection::{Instrumentation, InstrumentationEvent, SimpleConnection as _};
use diesel::{QueryableByName, RunQueryDsl as _};
use latchkey::db::DbConnection;

use super::database::TestDatabase;

/// The queries by the database that is being recorded.
static QUERIES: Mutex<BTreeMap<String, Vec<String>>> = Mutex::new(BTreeMap::new());

struct Recorder {
    url: String,
}

impl Instrumentation for Recorder {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartEstablishConnection { url, .. } => url.clone_into(&mut self.url),
            InstrumentationEvent::StartQuery { query, .. } => {
                let mut databases = QUERIES.lock().unwrap();
                if let Some((_, queries)) = databases.iter_mut().find(|(url, _)| self.url.starts_with(*url)) {
                    let text = query.to_string();
                    queries.push(text.split(" -- binds:").next().unwrap_or_default().to_owned());
                }
            }
            _ => {}
        }
    }
}

/// Makes the queries of all connections that are opened from now on recordable.
pub fn enable() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let recorder = || -> Option<Box<dyn Instrumentation>> { Some(Box::new(Recorder { url: String::new() })) };
        diesel::connection::set_default_instrumentation(recorder).unwrap();
    });
}

/// The queries on a database while `act` runs, and its result. The connections must have been opened after [`enable`].
pub fn record<T>(database: &TestDatabase, act: impl FnOnce() -> T) -> (T, Vec<String>) {
    let url = database.connection_url();
    QUERIES.lock().unwrap().insert(url.to_owned(), Vec::new());
    let result = act();
    (result, QUERIES.lock().unwrap().remove(url).unwrap_or_default())
}

#[derive(QueryableByName)]
struct Detail {
    #[diesel(sql_type = diesel::sql_types::Text)]
    detail: String,
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = diesel::sql_types::Text, column_name = "QUERY PLAN")]
    text: String,
}

/// The steps by which the database runs this query with any parameters.
pub fn plan(conn: &mut DbConnection, sql: &str) -> Vec<String> {
    match conn {
        DbConnection::Sqlite(conn) => {
            let steps = diesel::sql_query(format!("EXPLAIN QUERY PLAN {sql}")).load::<Detail>(conn);
            steps.unwrap_or_else(|error| panic!("{error}: {sql}")).into_iter().map(|step| step.detail).collect()
        }
        DbConnection::Postgres(conn) => {
            let parameters = (1..=sql.len()).take_while(|nth| sql.contains(&format!("${nth}"))).count();
            let prepare = format!("SET plan_cache_mode = force_generic_plan; DEALLOCATE ALL; PREPARE page AS {sql}");
            conn.batch_execute(&prepare).unwrap_or_else(|error| panic!("{error}: {sql}"));
            let arguments = vec!["NULL"; parameters].join(", ");
            let execute = if parameters == 0 { "page".to_owned() } else { format!("page({arguments})") };
            let lines = diesel::sql_query(format!("EXPLAIN (COSTS OFF) EXECUTE {execute}")).load::<Line>(conn);
            lines.unwrap_or_else(|error| panic!("{error}: {sql}")).into_iter().map(|line| line.text).collect()
        }
    }
}
