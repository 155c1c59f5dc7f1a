//! Commits to the same database through a separate connection, as another process would. The writes must not concern
//! tokens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};

use crate::seed::Database;

pub struct Noise {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Noise {
    /// Starts a thread with `per_second` commits per second.
    pub fn start(database: &Database, per_second: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (is_stopped, url) = (Arc::clone(&stop), database.url.clone());
        let thread = std::thread::spawn(move || {
            let mut conn = SqliteConnection::establish(url.trim_start_matches("sqlite://")).unwrap();
            conn.batch_execute("PRAGMA busy_timeout = 5000; PRAGMA synchronous = OFF").unwrap();
            let (start, pause) = (Instant::now(), Duration::from_secs(1) / per_second);
            let mut count = 0u32;
            while !is_stopped.load(Ordering::Relaxed) {
                conn.batch_execute("INSERT OR REPLACE INTO settings VALUES ('load', hex(randomblob(8)))").unwrap();
                count += 1;
                std::thread::sleep((start + pause * count).saturating_duration_since(Instant::now()));
            }
            let rate = f64::from(count) / start.elapsed().as_secs_f64();
            if rate < 0.9 * f64::from(per_second) {
                println!("only {rate:.0} commits a second by the other process");
            }
        });
        Self { stop, thread }
    }

    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}
