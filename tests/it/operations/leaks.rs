//! Memory, threads and file descriptors of the real program under work.
//!
//! A test run lasts for a number of rounds. On each database for half an hour, with the table for `docs/operations.md`:
//! `ENDURANCE_MINUTES=30 cargo test --release --test it leaks:: -- --test-threads 1`.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::PASSWORD;
use crate::support::api_client::Call;
use crate::support::browser_client::Browser;
use crate::support::process::Home;
use crate::support::wait::{SetOnDrop, wait_until};

const PEOPLE: [&str; 2] = ["alice", "bob"];
/// Number of parts of a run; before the first ends, everything was used.
const PARTS: u32 = 10;
/// Rounds of a part in a test run.
const ROUNDS: usize = 2;
/// Calls of a round with each of two values.
const CALLS: usize = 50;

/// What a process holds on to.
#[derive(Debug, Clone, Copy)]
struct Held {
    /// Its own share of memory that is no file's, in kB (proc(5), `smaps_rollup`).
    memory: usize,
    /// Files, sockets and connections to the database.
    descriptors: usize,
    threads: usize,
}

fn held(pid: u32) -> Held {
    let count = |folder: &str| std::fs::read_dir(format!("/proc/{pid}/{folder}")).unwrap().count();
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let own = rollup.lines().find_map(|line| line.strip_prefix("Pss_Anon:")).unwrap();
    Held {
        memory: own.trim().trim_end_matches(" kB").parse().unwrap(),
        descriptors: count("fd"),
        threads: count("task"),
    }
}

/// A round: sign in, open pages, create a token, use it, rotate it, delete it, sign out; and calls with other values.
fn person(address: SocketAddr, name: &str, round: usize, steady: &str) {
    let browser = Browser::new(address);
    assert_eq!(browser.sign_in(&format!("{name}@example.org"), PASSWORD).status, 303);
    for path in ["/w/acme", "/w/acme/settings", "/w/acme/settings/tokens", "/w/acme/settings/activity", "/account"] {
        assert_eq!(browser.get(path).status, 200, "{path}");
    }
    let token = format!("Job {round}");
    let created = browser.create_token("acme", &token);
    assert_eq!(created.status, 201, "{}", created.body);
    let old = created.value();
    assert_eq!(call(address, &old), 200);
    let delete = browser.delete_path("acme", &token);
    let rotate = delete.replace("/delete", "/rotate");
    let form_key = browser.get(&rotate).hidden("form_key");
    let rotated = browser.post(&rotate, &[("form_key", &form_key), ("grace", "1h")]);
    assert_eq!(rotated.status, 201, "{}", rotated.body);
    let new = rotated.value();
    assert_eq!((call(address, &old), call(address, &new)), (200, 200));
    assert_eq!(browser.post(&delete, &[]).status, 303);
    assert_eq!((call(address, &old), call(address, &new)), (401, 401));
    assert_eq!(browser.post("/logout", &[]).status, 303);
    for _ in 0..CALLS {
        assert_eq!((call(address, steady), call(address, "junk")), (200, 401));
    }
}

fn call(address: SocketAddr, value: &str) -> u16 {
    Call::new(address, "GET", "/api/v2/workspace.json").bearer(value).send().status
}

#[db_test]
fn long_use_leaks_no_memory_and_no_file_descriptors() {
    let minutes = std::env::var("ENDURANCE_MINUTES").ok().map(|minutes| minutes.parse::<u64>().unwrap());
    let home = Home::new();
    let server = home.serve_with(&[], "warn");
    let people = PEOPLE.map(|name| format!("{name}@example.org"));
    home.add_acme(&people, "administrator");
    let mut steady = String::new();
    for email in &people {
        steady = home.done(&["token", "create", "--workspace", "acme", "--email", email, "--name", "Steady"]);
    }
    let steady = steady.split_whitespace().find(|word| word.starts_with("rpat")).unwrap();
    let (is_over, rounds) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (address, pid) = (server.address, server.pid());
    let mut samples = Vec::new();
    std::thread::scope(|scope| {
        let _is_over = SetOnDrop(&is_over);
        for name in PEOPLE {
            let (is_over, rounds) = (&is_over, &rounds);
            scope.spawn(move || {
                for round in 0.. {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    person(address, name, round, steady);
                    rounds.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for _ in 0..PARTS {
            let enough = rounds.load(Ordering::Relaxed) + ROUNDS;
            // A long run measures for the time that was asked for.
            std::thread::sleep(Duration::from_secs(60 * minutes.unwrap_or(0)) / PARTS);
            wait_until("the rounds are over", || rounds.load(Ordering::Relaxed) >= enough);
            samples.push(held(pid));
        }
    });
    let (first, last) = (samples[0], samples[samples.len() - 1]);
    if minutes.is_some() {
        println!("| part | own memory kB | descriptors | threads |\n| ---: | ---: | ---: | ---: |");
        for (part, held) in samples.iter().enumerate() {
            println!("| {} of {PARTS} | {} | {} | {} |", part + 1, held.memory, held.descriptors, held.threads);
        }
        println!("{} rounds with {} further calls each", rounds.into_inner(), 2 * CALLS);
    }
    // A pool may still open what it is allowed to; a leak of one a round would be far more in the long run.
    assert!(last.descriptors <= first.descriptors + 16, "{samples:?}");
    assert!(last.threads <= first.threads + 16, "{samples:?}");
    assert!(last.memory <= first.memory + 64_000, "{samples:?}");
    if minutes.is_some() {
        // By the half of a long run everything has been used often enough.
        let half = samples[samples.len() / 2 - 1];
        assert!(last.memory <= half.memory * 21 / 20, "it grows: {samples:?}");
    }
    let (status, said) = server.terminate();
    assert_eq!(status, 0, "{said}");
    assert!(!said.contains("ERROR") && !said.contains("panicked"), "{said}");
}
