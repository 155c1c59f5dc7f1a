//! Compares the throughput of Latchkey with that of a server without token checks: `cargo bench --bench load`.
//!
//! The limit is a bare actix-web handler that returns the same responses, identical except for the request id. The same
//! generator sends requests to the limit and to the release binary (access log off) alternately in each round, on the
//! same machine. The figures are ratios within a round; `docs/performance.md` explains them.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a measurement asks the machine for the time, and stops at anything unexpected"
)]

mod generator;
mod limit;
mod noise;
#[path = "../../tests/support/postgres.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod postgres;
mod process;
mod report;
mod seed;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser as _;

use generator::{ConnectionLayout, Load, TokenValues};
use process::Process;
use report::Report;
use seed::Seed;

/// Compares Latchkey with a bare actix-web handler that returns the same responses.
#[derive(clap::Parser)]
struct Options {
    /// Number of rounds
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds per scenario and round
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// Number of tokens in the large databases
    #[arg(long, default_value_t = 1_000_000)]
    tokens: usize,
    /// Number of connections
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Run only scenarios whose name starts with this text; several with commas
    #[arg(long, default_value = "", value_delimiter = ',')]
    only: Vec<String>,
    /// Keep the databases in this folder and reuse existing ones
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Connect each generator thread to one worker instead of all, if there are two workers
    #[arg(long)]
    paired: bool,
    /// Another build of the program, to measure with one token and with many
    #[arg(long)]
    against: Option<PathBuf>,
    /// Passed by cargo.
    #[arg(long, hide = true)]
    bench: bool,
    /// Serve the responses in this file, as the limit.
    #[arg(long, hide = true)]
    be_limit: Option<PathBuf>,
}

const WORKSPACE: &str = "/api/v2/workspace.json";
const VERIFY: &str = "/auth/verify";
/// Maximum time for the warm-up, which uses each token once.
const WARM_UP: Duration = Duration::from_mins(2);
/// `shared_buffers` of the `PostgreSQL` server, large enough for the whole database.
const POSTGRES_SHARED_BUFFERS: &str = "1GB";
/// Commits per second by the noise thread.
const FOREIGN_COMMITS: u32 = 1000;

/// One line of the table: a server, a path and the token values.
struct Scenario {
    name: &'static str,
    server: Process,
    path: &'static str,
    values: TokenValues,
    /// Index of the limit scenario to compare with.
    limit: usize,
    noise: Option<seed::Database>,
}

#[expect(clippy::too_many_lines, reason = "the run of the benchmark, from top to bottom")]
fn main() {
    let options = Options::parse();
    if let Some(file) = &options.be_limit {
        return limit::serve(file);
    }
    let temporary = tempfile::tempdir().unwrap();
    let folder = options.keep.clone().unwrap_or_else(|| temporary.path().to_owned());
    let is_selected = |name: &str| options.only.iter().any(|only| name.starts_with(only));

    println!("{} tokens; the databases are created first", options.tokens);
    let one = Seed::new(1);
    let many = Seed::new(options.tokens);
    let own_build = Path::new(env!("CARGO_BIN_EXE_latchkey"));
    let small = one.in_sqlite(&folder.join("one"), own_build);
    let large = many.in_sqlite(&folder.join("many"), own_build);
    let on_one = Process::latchkey(&small);
    let on_many = Process::latchkey(&large);
    let responses = limit::record_responses(&on_one, one.value(0), &[WORKSPACE, VERIFY], temporary.path());
    let limit = Process::limit(&responses);

    let scenario = |name, server: &Process, path, values, limit| Scenario {
        name,
        server: server.clone(),
        path,
        values,
        limit,
        noise: None,
    };
    let (one_token, many_tokens) = (TokenValues::known(&one), TokenValues::known(&many));
    let mut scenarios = vec![
        scenario("limit", &limit, WORKSPACE, one_token.clone(), 0),
        scenario("limit of /auth/verify", &limit, VERIFY, one_token.clone(), 1),
    ];
    let mut optional = vec![
        scenario("one token", &on_one, WORKSPACE, one_token.clone(), 0),
        scenario("many tokens", &on_many, WORKSPACE, many_tokens.clone(), 0),
        scenario("many, half unknown", &on_many, WORKSPACE, TokenValues::half_unknown(&many), 0),
        scenario("/auth/verify, one token", &on_one, VERIFY, one_token.clone(), 1),
        scenario("/auth/verify, many tokens", &on_many, VERIFY, many_tokens.clone(), 1),
        Scenario {
            noise: Some(small.clone()),
            ..scenario("1000 foreign commits/s, one token", &on_one, WORKSPACE, one_token.clone(), 0)
        },
        Scenario {
            noise: Some(large.clone()),
            ..scenario("1000 foreign commits/s, many tokens", &on_many, WORKSPACE, many_tokens.clone(), 0)
        },
    ];
    if let Some(other) = &options.against {
        let start = |seed: &Seed, name| Process::latchkey_build(other, &seed.in_sqlite(&folder.join(name), other));
        optional.push(scenario(
            "one token, the other build",
            &start(&one, "other-one"),
            WORKSPACE,
            one_token.clone(),
            0,
        ));
        optional.push(scenario(
            "many tokens, the other build",
            &start(&many, "other-many"),
            WORKSPACE,
            many_tokens.clone(),
            0,
        ));
    }
    if is_selected("PostgreSQL, many tokens") {
        if let Some(database) = postgres::Server::given_or_started(POSTGRES_SHARED_BUFFERS) {
            let server = Process::latchkey(&many.in_postgres(&database.url, &folder.join("postgres"), own_build));
            optional.push(scenario("PostgreSQL, many tokens", &server, WORKSPACE, many_tokens, 0));
        } else {
            eprintln!("skipped: PostgreSQL, many tokens: apt-get install postgresql");
        }
    }
    scenarios.extend(optional.into_iter().filter(|scenario| is_selected(scenario.name)));

    let mut report = Report::new(&scenarios);
    for round in 0..=options.rounds {
        // The order alternates, so that no scenario always follows the same one.
        let forward = 0..scenarios.len();
        let order: Vec<usize> = if round % 2 == 0 { forward.collect() } else { forward.rev().collect() };
        for line in order {
            let scenario = &scenarios[line];
            let load = |values, time| Load {
                address: scenario.server.address,
                path: scenario.path,
                values,
                connections: options.connections,
                layout: if options.paired { ConnectionLayout::Paired } else { ConnectionLayout::Crossed },
                time,
            };
            if round == 0 {
                let is_same =
                    |other: &Scenario| (other.server.address, other.path) == (scenario.server.address, scenario.path);
                if !scenarios[..line].iter().any(is_same) {
                    load(&scenario.values.each_once(), WARM_UP).run();
                    scenario.server.settle();
                }
                continue;
            }
            let noise = scenario.noise.as_ref().map(|database| noise::Noise::start(database, FOREIGN_COMMITS));
            let cpu = scenario.server.cpu();
            let result = load(&scenario.values, Duration::from_secs(options.seconds)).run();
            let cpu = scenario.server.cpu().saturating_sub(cpu);
            if let Some(noise) = noise {
                noise.stop();
            }
            report.add(line, &result, cpu);
            // Pending writes of this server would slow down the next scenario.
            scenario.server.settle();
        }
    }
    report.print(&options);
}
