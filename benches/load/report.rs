//! Collects the measurements and prints them as a table.

use std::time::Duration;

use crate::generator::Outcome;
use crate::{Options, Scenario};

pub struct Report<'a> {
    scenarios: &'a [Scenario],
    /// One line per scenario.
    lines: Vec<Line>,
}

#[derive(Default)]
struct Line {
    rounds: Vec<Round>,
    /// Of all rounds together, because the slowest 1 % of a single round depends on the scheduler.
    times: Times,
}

struct Round {
    per_second: f64,
    /// CPU time of the server per request, in microseconds.
    cpu: f64,
}

impl<'a> Report<'a> {
    pub fn new(scenarios: &'a [Scenario]) -> Self {
        Self { scenarios, lines: scenarios.iter().map(|_| Line::default()).collect() }
    }

    pub fn add(&mut self, line: usize, outcome: &Outcome, cpu: Duration) {
        let name = self.scenarios[line].name;
        let line = &mut self.lines[line];
        let round = Round { per_second: outcome.per_second, cpu: cpu.as_secs_f64() * 1e6 / outcome.times.len() as f64 };
        let mut times = Times::default();
        times.add(&outcome.times);
        println!(
            "round {} {name}: {:.0} requests/s, p99 {} µs",
            line.rounds.len() + 1,
            round.per_second,
            times.percentile(99)
        );
        line.rounds.push(round);
        line.times.add(&outcome.times);
    }

    pub fn print(&self, options: &Options) {
        println!();
        println!(
            "{} rounds of {} s, {} connections; medians, ratios within a round (least to most); percentiles of all rounds",
            options.rounds, options.seconds, options.connections
        );
        println!();
        println!(
            "| scenario | requests/s | of the limit | p50 µs | p99 µs | times the limit's | CPU µs a request | times the limit's | own memory MB |"
        );
        println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
        for (scenario, line) in self.scenarios.iter().zip(&self.lines) {
            let limit = &self.lines[scenario.limit];
            let median_of = |get: fn(&Round) -> f64| median_and_range(line.rounds.iter().map(get).collect()).0;
            let ratio = |get: fn(&Round) -> f64| {
                median_and_range(
                    line.rounds.iter().zip(&limit.rounds).map(|(round, limit)| get(round) / get(limit)).collect(),
                )
            };
            let (share, min, max) = ratio(|round| round.per_second);
            let p99 = line.times.percentile(99);
            println!(
                "| {} | {:.0} | {share:.2} ({min:.2} to {max:.2}) | {} | {p99} | {:.2} | {:.1} | {:.2} | {:.1} |",
                scenario.name,
                median_of(|round| round.per_second),
                line.times.percentile(50),
                p99 as f64 / limit.times.percentile(99) as f64,
                median_of(|round| round.cpu),
                ratio(|round| round.cpu).0,
                scenario.server.own_memory(),
            );
        }
    }
}

/// Histogram of response times: the index is the time in microseconds; the last bucket has all longer times.
struct Times(Vec<u64>);

impl Default for Times {
    fn default() -> Self {
        Self(vec![0; 1 << 16])
    }
}

impl Times {
    fn add(&mut self, nanoseconds: &[u32]) {
        let last = self.0.len() - 1;
        for time in nanoseconds {
            self.0[last.min(*time as usize / 1000)] += 1;
        }
    }

    /// A percentile in microseconds.
    fn percentile(&self, percent: u64) -> usize {
        let rank = self.0.iter().sum::<u64>() * percent / 100;
        let mut seen = 0;
        self.0
            .iter()
            .take_while(|count| {
                seen += **count;
                seen <= rank
            })
            .count()
    }
}

/// The median, the minimum and the maximum.
fn median_and_range(mut numbers: Vec<f64>) -> (f64, f64, f64) {
    numbers.sort_by(f64::total_cmp);
    (numbers[numbers.len() / 2], numbers[0], numbers[numbers.len() - 1])
}
