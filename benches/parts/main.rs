//! What the parts of a token's check cost, one by one, in one thread: `cargo bench --bench parts`.
//!
//! Each part is repeated in batches; the median of the batches is shown, and as a share of a whole check by lookup, so
//! that machines can be compared. `docs/performance.md` explains the figures.
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
    let mut near = db.local_connection().unwrap().unwrap();
    let (strangers, now) = (Seed::strangers(BATCH), Clock::System.now());
    // Far apart from one another, so that each is on other pages.
    let known: Vec<&str> = (0..BATCH).map(|nth| many.value(nth * 7919 % options.tokens)).collect();
    let unknown: Vec<&str> = strangers.chunks(LENGTH).map(|value| std::str::from_utf8(value).unwrap()).collect();
    let headers: Vec<String> = known.iter().map(|value| format!("Bearer {value}")).collect();
    let read = |value: &str| credentials::parse(std::iter::once(format!("Bearer {value}").as_bytes())).unwrap();
    let (known, unknown): (Vec<_>, Vec<_>) =
        (known.into_iter().map(read).collect(), unknown.into_iter().map(read).collect());
    let junk: Vec<String> = headers.iter().map(|header| header[..header.len() - 1].to_owned() + "!").collect();

    let lookup = time(BATCH, |nth| check(&mut near, &known[nth], now, true));
    println!("{} tokens; medians of {BATCHES} batches of {BATCH}", options.tokens);
    println!();
    println!("| part | ns | of a lookup |");
    println!("| --- | ---: | ---: |");
    let show = |name: &str, nanos: f64| println!("| {name} | {nanos:.0} | {:.3} |", nanos / lookup);
    show(
        "refuse what is no value",
        time(BATCH, |nth| drop(black_box(credentials::parse(std::iter::once(junk[nth].as_bytes()))))),
    );
    show(
        "read the header: form, checksum, digest",
        time(BATCH, |nth| {
            drop(black_box(credentials::parse(std::iter::once(headers[nth].as_bytes()))));
        }),
    );
    show(
        "checksum and digest alone",
        time(BATCH, |nth| {
            black_box(ValueDigest::parse(&headers[nth]["Bearer ".len()..]));
        }),
    );
    show(
        "ask for the epoch",
        time(BATCH, |_| {
            black_box(near.epoch().unwrap());
        }),
    );
    show("look an unknown value up", time(BATCH, |nth| check(&mut near, &unknown[nth], now, false)));
    show("look a value up", lookup);
}

const LENGTH: usize = latchkey::tokens::secret::LENGTH;

fn check(near: &mut LocalConnection, presented: &Credentials, now: Timestamp, is_known: bool) {
    let verdict = near.read(|conn| authenticator::authenticate_uncached(conn, presented, now)).unwrap();
    assert_eq!(black_box(verdict).is_ok(), is_known);
}

/// The median time of one of `count` calls, in nanoseconds.
fn time(count: usize, mut call: impl FnMut(usize)) -> f64 {
    let mut batches: Vec<f64> = (0..=BATCHES)
        .map(|_| {
            let begun = Instant::now();
            (0..count).for_each(&mut call);
            begun.elapsed().as_secs_f64() * 1e9 / count as f64
        })
        .skip(1)
        .collect();
    batches.sort_by(f64::total_cmp);
    batches[BATCHES / 2]
}
