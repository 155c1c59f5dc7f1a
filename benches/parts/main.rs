//! Measures the steps of token authentication separately, in one thread: `cargo bench --bench parts`.
//!
//! Each step runs in batches. The output has the median of the batches, and its ratio to a complete lookup, which makes
//! machines comparable. `docs/performance.md` explains the figures.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a measurement asks the machine for the time, and stops at anything unexpected"
)]

#[path = "../load/seed.rs"]
#[allow(dead_code, reason = "the load uses the rest")]
mod seed;

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use clap::Parser as _;
use latchkey::auth::credentials::Credentials;
use latchkey::auth::epoch::EpochReader;
use latchkey::auth::{authenticator, credentials};
use latchkey::base::client_info::ClientInfo;
use latchkey::base::clock::{Clock, Timestamp};
use latchkey::db::ids::ValueId;
use latchkey::db::{DatabaseUrl, Db, LocalConnection};
use latchkey::tokens::secret::ValueDigest;
use latchkey::usage::UsageRecorder;
use seed::Seed;

/// Measures the parts of token authentication.
#[derive(clap::Parser)]
struct Options {
    /// Number of tokens in the database
    #[arg(long, default_value_t = 100_000)]
    tokens: usize,
    /// Keep the database in this folder and reuse an existing one
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Measure the flush on a new database of this `PostgreSQL` server too; it is not dropped
    #[arg(long)]
    postgres: Option<String>,
    /// Passed by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

const BATCHES: usize = 51;
const BATCH: usize = 2000;

fn main() {
    let options = Options::parse();
    let temporary = tempfile::tempdir().unwrap();
    let folder = options.keep.unwrap_or_else(|| temporary.path().to_owned());
    let many = Seed::new(options.tokens);
    let db = Db::open(
        &many.in_sqlite(&folder, Path::new(env!("CARGO_BIN_EXE_latchkey"))).url.parse::<DatabaseUrl>().unwrap(),
    )
    .unwrap();
    let mut conn = db.local_connection().unwrap().unwrap();
    let (unknown, now) = (Seed::unknown_values(BATCH), Clock::System.now());
    // Far apart from one another, so that each value is on a different database page.
    let known: Vec<&str> = (0..BATCH).map(|nth| many.value(nth * 7919 % options.tokens)).collect();
    let unknown: Vec<&str> = unknown.chunks(LENGTH).map(|value| std::str::from_utf8(value).unwrap()).collect();
    let headers: Vec<String> = known.iter().map(|value| format!("Bearer {value}")).collect();
    let parse = |value: &str| credentials::parse(std::iter::once(format!("Bearer {value}").as_bytes())).unwrap();
    let (known, unknown): (Vec<_>, Vec<_>) =
        (known.into_iter().map(parse).collect(), unknown.into_iter().map(parse).collect());
    let malformed: Vec<String> = headers.iter().map(|header| header[..header.len() - 1].to_owned() + "!").collect();

    let lookup = median_nanos(BATCH, |nth| check(&mut conn, &known[nth], now, true));
    println!("{} tokens; medians of {BATCHES} batches of {BATCH}", options.tokens);
    println!();
    println!("| part | ns | of a lookup |");
    println!("| --- | ---: | ---: |");
    let print_row = |name: &str, nanos: f64| println!("| {name} | {nanos:.0} | {:.3} |", nanos / lookup);
    print_row(
        "reject a malformed value",
        median_nanos(BATCH, |nth| drop(black_box(credentials::parse(std::iter::once(malformed[nth].as_bytes()))))),
    );
    print_row(
        "parse the header: format, checksum, digest",
        median_nanos(BATCH, |nth| {
            drop(black_box(credentials::parse(std::iter::once(headers[nth].as_bytes()))));
        }),
    );
    print_row(
        "checksum and digest alone",
        median_nanos(BATCH, |nth| {
            black_box(ValueDigest::parse(&headers[nth]["Bearer ".len()..]));
        }),
    );
    let mut epochs = EpochReader::default();
    print_row(
        "read the epoch",
        median_nanos(BATCH, |_| {
            black_box(epochs.read(&mut conn).unwrap());
        }),
    );
    print_row("look up an unknown value", median_nanos(BATCH, |nth| check(&mut conn, &unknown[nth], now, false)));
    print_row("look up a value", lookup);

    println!();
    println!(
        "| flush of the uses of {} values | first, s | next, s | lookup meanwhile, p99 ms | max ms |",
        options.tokens
    );
    println!("| --- | ---: | ---: | ---: | ---: |");
    drop(conn);
    measure_flush("SQLite", &db, &known, options.tokens);
    if let Some(server) = &options.postgres {
        let database = many.in_postgres(server, &folder, Path::new(env!("CARGO_BIN_EXE_latchkey")));
        measure_flush("PostgreSQL", &Db::open(&database.url.parse().unwrap()).unwrap(), &known, options.tokens);
    }
}

/// Writes one use of each value twice, while another thread looks up values: the first time adds the rows of the day and of the
/// callers.
fn measure_flush(name: &str, db: &Db, known: &[Credentials], tokens: usize) {
    let is_done = AtomicBool::new(false);
    let (seconds, mut lookups) = std::thread::scope(|scope| {
        let lookups = scope.spawn(|| {
            let mut times = Vec::new();
            for credentials in known.iter().cycle() {
                if is_done.load(Ordering::Relaxed) {
                    break;
                }
                let start = Instant::now();
                let now = Clock::System.now();
                let result = db.read_blocking(|conn| authenticator::authenticate_uncached(conn, credentials, now));
                times.push(start.elapsed().as_secs_f64() * 1e3);
                assert!(black_box(result).is_ok());
                std::thread::sleep(std::time::Duration::from_micros(200));
            }
            times
        });
        let seconds = [(); 2].map(|()| flush_all(db, tokens));
        is_done.store(true, Ordering::Relaxed);
        (seconds, lookups.join().unwrap())
    });
    lookups.sort_by(f64::total_cmp);
    let (p99, max) = (lookups[lookups.len() * 99 / 100], lookups[lookups.len() - 1]);
    println!("| {name} | {:.2} | {:.2} | {p99:.2} | {max:.2} |", seconds[0], seconds[1]);
}

/// Values that fit into the buffers together.
const VALUES_PER_FLUSH: usize = 400_000;

/// The seconds that the flushes of one use of each value take.
fn flush_all(db: &Db, tokens: usize) -> f64 {
    let uses = UsageRecorder::default();
    let client = ClientInfo { ip: std::net::Ipv4Addr::LOCALHOST.into(), agent: Some("bench/1.0".to_owned()) };
    let ids: Vec<i64> = (1..).take(tokens).collect();
    let mut seconds = 0.0;
    for ids in ids.chunks(VALUES_PER_FLUSH) {
        for id in ids {
            uses.record(ValueId::for_tests(*id), client.clone(), Clock::System.now());
        }
        let start = Instant::now();
        actix_web::rt::System::new().block_on(uses.flush(db));
        seconds += start.elapsed().as_secs_f64();
    }
    seconds
}

const LENGTH: usize = latchkey::tokens::secret::LENGTH;

fn check(conn: &mut LocalConnection, credentials: &Credentials, now: Timestamp, is_known: bool) {
    let result = conn.read(|conn| authenticator::authenticate_uncached(conn, credentials, now));
    assert_eq!(black_box(result).is_ok(), is_known);
}

/// The median time of one of `count` calls, in nanoseconds.
fn median_nanos(count: usize, mut call: impl FnMut(usize)) -> f64 {
    let mut batches: Vec<f64> = (0..=BATCHES)
        .map(|_| {
            let start = Instant::now();
            (0..count).for_each(&mut call);
            start.elapsed().as_secs_f64() * 1e9 / count as f64
        })
        .skip(1)
        .collect();
    batches.sort_by(f64::total_cmp);
    batches[BATCHES / 2]
}
