//! Another process that writes to the same file: nothing that concerns a token, as a backup's bookkeeping or a burst of
//! sign-ins would.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};

use crate::seed::Database;

pub struct Noise {
    stop: Arc<AtomicBool>,
    writing: JoinHandle<()>,
}

impl Noise {
    /// Commits so many times a second.
    pub fn start(database: &Database, per_second: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, url) = (Arc::clone(&stop), database.url.clone());
        let writing = std::thread::spawn(move || {
            let mut conn = SqliteConnection::establish(url.trim_start_matches("sqlite://")).unwrap();
            conn.batch_execute("PRAGMA busy_timeout = 5000; PRAGMA synchronous = OFF").unwrap();
            let (begun, pause) = (Instant::now(), Duration::from_secs(1) / per_second);
            let mut count = 0u32;
            while !stopped.load(Ordering::Relaxed) {
                conn.batch_execute("INSERT OR REPLACE INTO settings VALUES ('load', hex(randomblob(8)))").unwrap();
                count += 1;
                std::thread::sleep((begun + pause * count).saturating_duration_since(Instant::now()));
            }
            let reached = f64::from(count) / begun.elapsed().as_secs_f64();
            if reached < 0.9 * f64::from(per_second) {
                println!("only {reached:.0} commits a second by the other process");
            }
        });
        Self { stop, writing }
    }

    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.writing.join().unwrap();
    }
}
