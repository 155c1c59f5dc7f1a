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
use std::path::PathBuf;
use std::time::Instant;

use clap::Parser as _;
use latchkey::auth::credentials::Credentials;
use latchkey::auth::{authenticator, credentials};
use latchkey::base::clock::{Clock, Timestamp};
use latchkey::db::{DatabaseUrl, Db, LocalConnection};
use latchkey::tokens::secret::ValueDigest;
use seed::Seed;

/// Times the parts of a token's check.
#[derive(clap::Parser)]
struct Options {
    /// How many tokens are in the database
    #[arg(long, default_value_t = 100_000)]
    tokens: usize,
    /// Keep the database in this folder, and use what is there
    #[arg(long)]
    keep: Option<PathBuf>,
    /// What cargo adds.
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
    let db = Db::open(&many.in_sqlite(&folder).url.parse::<DatabaseUrl>().unwrap()).unwrap();
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
        "refuse what is no value",
        median_nanos(BATCH, |nth| drop(black_box(credentials::parse(std::iter::once(malformed[nth].as_bytes()))))),
    );
    print_row(
        "read the header: form, checksum, digest",
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
    print_row(
        "ask for the epoch",
        median_nanos(BATCH, |_| {
            black_box(conn.epoch().unwrap());
        }),
    );
    print_row("look an unknown value up", median_nanos(BATCH, |nth| check(&mut conn, &unknown[nth], now, false)));
    print_row("look a value up", lookup);
}

const LENGTH: usize = latchkey::tokens::secret::LENGTH;

fn check(conn: &mut LocalConnection, credentials: &Credentials, now: Timestamp, is_known: bool) {
    let result = conn.read(|conn| authenticator::authenticate_uncached(conn, credentials, now)).unwrap();
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
