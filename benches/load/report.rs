//! The table.

use std::time::Duration;

use crate::generator::Outcome;
use crate::{Options, Scenario};

pub struct Report<'a> {
    scenarios: &'a [Scenario],
    /// What each scenario did, round by round.
    lines: Vec<Vec<Round>>,
}

struct Round {
    per_second: f64,
    p50: f64,
    p99: f64,
    /// Microseconds of the server's time for a request.
    cpu: f64,
}

impl<'a> Report<'a> {
    pub fn new(scenarios: &'a [Scenario]) -> Self {
        Self { scenarios, lines: scenarios.iter().map(|_| Vec::new()).collect() }
    }

    pub fn add(&mut self, line: usize, outcome: &Outcome, cpu: Duration) {
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        let round = Round {
            per_second: outcome.per_second,
            p50: micros(outcome.p50),
            p99: micros(outcome.p99),
            cpu: micros(cpu) / outcome.count as f64,
        };
        let name = self.scenarios[line].name;
        println!("round {} {name}: {:.0} requests/s", self.lines[line].len() + 1, round.per_second);
        self.lines[line].push(round);
    }

    pub fn print(&self, options: &Options) {
        println!();
        println!(
            "{} rounds of {} s, {} connections; medians, ratios within a round (least to most)",
            options.rounds, options.seconds, options.connections
        );
        println!();
        println!(
            "| scenario | requests/s | of the limit | p50 µs | p99 µs | times the limit's | CPU µs a request | times the limit's | own memory MB |"
        );
        println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
        for (scenario, rounds) in self.scenarios.iter().zip(&self.lines) {
            let limit = &self.lines[scenario.limit];
            let median_of = |get: fn(&Round) -> f64| middle(rounds.iter().map(get).collect()).0;
            let ratio = |get: fn(&Round) -> f64| {
                middle(rounds.iter().zip(limit).map(|(round, limit)| get(round) / get(limit)).collect())
            };
            let (share, least, most) = ratio(|round| round.per_second);
            println!(
                "| {} | {:.0} | {share:.2} ({least:.2} to {most:.2}) | {:.0} | {:.0} | {:.2} | {:.1} | {:.2} | {:.1} |",
                scenario.name,
                median_of(|round| round.per_second),
                median_of(|round| round.p50),
                median_of(|round| round.p99),
                ratio(|round| round.p99).0,
                median_of(|round| round.cpu),
                ratio(|round| round.cpu).0,
                scenario.server.own_memory(),
            );
        }
    }
}

/// The median, the least and the most.
fn middle(mut numbers: Vec<f64>) -> (f64, f64, f64) {
    numbers.sort_by(f64::total_cmp);
    (numbers[numbers.len() / 2], numbers[0], numbers[numbers.len() - 1])
}
