//! How much of what the machine can do is left once every request's token is checked: `cargo bench --bench load`.
//!
//! The limit is a bare actix-web handler that gives the same answers, byte for byte but for the request id. It and
//! the program itself, the release binary as it is run by its operator (access log off), are asked in turns, round by
//! round, by the same generator on the same machine; the figures are ratios within a round. `docs/performance.md`
//! explains them.
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

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser as _;

use generator::{Asked, Load, Meet};
use process::Process;
use report::Report;
use seed::Seed;

/// Compares Latchkey with a bare actix-web handler that gives the same answers.
#[derive(clap::Parser)]
struct Options {
    /// How many rounds
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How many seconds each scenario is asked in a round
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// How many tokens are in the large databases
    #[arg(long, default_value_t = 1_000_000)]
    tokens: usize,
    /// How many connections ask at once
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Only the scenarios whose name begins like this; several with commas
    #[arg(long, default_value = "", value_delimiter = ',')]
    only: Vec<String>,
    /// Keep the databases in this folder, and use what is there
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Let each thread of the generator ask one worker, where there are two, instead of all
    #[arg(long)]
    paired: bool,
    /// Another build of the program, which is asked for one token and for any too
    #[arg(long)]
    against: Option<PathBuf>,
    /// What cargo adds.
    #[arg(long, hide = true)]
    bench: bool,
    /// Be the limit, with the answers in this file.
    #[arg(long, hide = true)]
    be_limit: Option<PathBuf>,
}

const WORKSPACE: &str = "/api/v2/workspace.json";
const VERIFY: &str = "/auth/verify";
/// How long it may take at most to ask for each token once, before anything is measured.
const WARM_UP: Duration = Duration::from_mins(2);
/// The memory of the `PostgreSQL` server, which holds all of its database as an operator's would.
const POSTGRES_SHARED_BUFFERS: &str = "1GB";
/// Commits a second by another process, in the scenario that has them.
const FOREIGN_COMMITS: u32 = 1000;

/// One line of the table: who is asked what.
struct Scenario {
    name: &'static str,
    server: Process,
    path: &'static str,
    asked: Asked,
    /// The limit's line that it is compared with.
    limit: usize,
    noise: Option<seed::Database>,
}

fn main() {
    let options = Options::parse();
    if let Some(answers) = &options.be_limit {
        return limit::serve(answers);
    }
    let temporary = tempfile::tempdir().unwrap();
    let folder = options.keep.clone().unwrap_or_else(|| temporary.path().to_owned());
    let is_wanted = |name: &str| options.only.iter().any(|only| name.starts_with(only));

    println!("{} tokens; each database is made first", options.tokens);
    let one = Seed::new(1);
    let many = Seed::new(options.tokens);
    let small = one.in_sqlite(&folder.join("one"));
    let large = many.in_sqlite(&folder.join("many"));
    let on_one = Process::latchkey(&small);
    let on_many = Process::latchkey(&large);
    let answers = limit::answers(&on_one, one.value(0), &[WORKSPACE, VERIFY], temporary.path());
    let limit = Process::limit(&answers);

    let scenario = |name, server: &Process, path, asked, limit| Scenario {
        name,
        server: server.clone(),
        path,
        asked,
        limit,
        noise: None,
    };
    let (one_token, any) = (Asked::known(&one), Asked::known(&many));
    let mut scenarios = vec![
        scenario("limit", &limit, WORKSPACE, one_token.clone(), 0),
        scenario("limit of /auth/verify", &limit, VERIFY, one_token.clone(), 1),
    ];
    let mut wanted = vec![
        scenario("one token", &on_one, WORKSPACE, one_token.clone(), 0),
        scenario("many tokens", &on_many, WORKSPACE, any.clone(), 0),
        scenario("many, half unknown", &on_many, WORKSPACE, Asked::half_unknown(&many), 0),
        scenario("/auth/verify, one token", &on_one, VERIFY, one_token.clone(), 1),
        scenario("/auth/verify, many tokens", &on_many, VERIFY, any.clone(), 1),
        Scenario {
            noise: Some(small.clone()),
            ..scenario("1000 foreign commits/s, one token", &on_one, WORKSPACE, one_token.clone(), 0)
        },
        Scenario {
            noise: Some(large.clone()),
            ..scenario("1000 foreign commits/s, many tokens", &on_many, WORKSPACE, any.clone(), 0)
        },
    ];
    if let Some(other) = &options.against {
        let start = |seed: &Seed, name| Process::build_of_latchkey(other, &seed.in_sqlite(&folder.join(name)));
        wanted.push(scenario("one token, the other build", &start(&one, "other-one"), WORKSPACE, one_token.clone(), 0));
        wanted.push(scenario("many tokens, the other build", &start(&many, "other-many"), WORKSPACE, any.clone(), 0));
    }
    if is_wanted("PostgreSQL, many tokens") {
        if let Some(database) = postgres::Server::given_or_started(POSTGRES_SHARED_BUFFERS) {
            let server = Process::latchkey(&many.in_postgres(&database.url, &folder.join("postgres")));
            wanted.push(scenario("PostgreSQL, many tokens", &server, WORKSPACE, any, 0));
        } else {
            eprintln!("skipped: PostgreSQL, many tokens: apt-get install postgresql");
        }
    }
    scenarios.extend(wanted.into_iter().filter(|scenario| is_wanted(scenario.name)));

    let mut report = Report::new(&scenarios);
    for round in 0..=options.rounds {
        // There and back, so that none always comes after the same other.
        let there = 0..scenarios.len();
        let order: Vec<usize> = if round % 2 == 0 { there.collect() } else { there.rev().collect() };
        for line in order {
            let scenario = &scenarios[line];
            let load = |asked, time| Load {
                address: scenario.server.address,
                path: scenario.path,
                asked,
                connections: options.connections,
                meet: if options.paired { Meet::Paired } else { Meet::Crossed },
                time,
            };
            if round == 0 {
                let is_same =
                    |other: &Scenario| (other.server.address, other.path) == (scenario.server.address, scenario.path);
                if !scenarios[..line].iter().any(is_same) {
                    load(&scenario.asked.each_once(), WARM_UP).run();
                    scenario.server.settle();
                }
                continue;
            }
            let noise = scenario.noise.as_ref().map(|database| noise::Noise::start(database, FOREIGN_COMMITS));
            let cpu = scenario.server.cpu();
            let result = load(&scenario.asked, Duration::from_secs(options.seconds)).run();
            let cpu = scenario.server.cpu().saturating_sub(cpu);
            if let Some(noise) = noise {
                noise.stop();
            }
            report.add(line, &result, cpu);
            // What it still has to write would cost whoever is asked next.
            scenario.server.settle();
        }
    }
    report.print(&options);
}
