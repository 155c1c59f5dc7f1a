//! Memory, threads and file descriptors of the real program under work.
//!
//! In a test run it lasts seconds. On each database for half an hour, with the table for `docs/operations.md`:
//! `ENDURANCE_MINUTES=30 cargo test --release --test it leaks:: -- --test-threads 1`.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::PASSWORD;
use crate::support::api_client::Call;
use crate::support::browser_client::Browser;
use crate::support::process::Home;
use crate::support::wait::SetOnDrop;

const PEOPLE: [&str; 2] = ["alice", "bob"];
/// In how many parts the time is cut; before the first ends, everything was used once.
const PARTS: u32 = 10;

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

/// A round of a person's: in, look around, make a token, use it, rotate it, delete it, out.
fn person(address: SocketAddr, name: &str, round: usize) {
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
}

fn call(address: SocketAddr, value: &str) -> u16 {
    Call::new(address, "GET", "/api/v2/workspace.json").bearer(value).send().status
}

#[db_test]
fn long_use_leaks_no_memory_and_no_file_descriptors() {
    let minutes = std::env::var("ENDURANCE_MINUTES").ok().map(|minutes| minutes.parse::<u64>().unwrap());
    let time = minutes.map_or(Duration::from_secs(10), |minutes| Duration::from_secs(60 * minutes));
    let home = Home::new();
    let server = home.serve_with(&[], "warn");
    let people = PEOPLE.map(|name| format!("{name}@example.org"));
    home.add_acme(&people, "administrator");
    let mut steady = String::new();
    for email in &people {
        steady = home.done(&["token", "create", "--workspace", "acme", "--email", email, "--name", "Steady"]);
    }
    let steady = steady.split_whitespace().find(|word| word.starts_with("rpat")).unwrap();
    let (is_over, rounds, calls) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let (address, pid) = (server.address, server.pid());
    let mut samples = Vec::new();
    std::thread::scope(|scope| {
        let _is_over = SetOnDrop(&is_over);
        for name in PEOPLE {
            let (is_over, rounds) = (&is_over, &rounds);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    person(address, name, rounds.fetch_add(1, Ordering::Relaxed));
                }
            });
        }
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                assert_eq!((call(address, steady), call(address, "junk")), (200, 401));
                calls.fetch_add(2, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        for _ in 0..PARTS {
            std::thread::sleep(time / PARTS);
            samples.push(held(pid));
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let (first, last) = (samples[0], samples[samples.len() - 1]);
    if minutes.is_some() {
        println!("| part | own memory kB | descriptors | threads |\n| ---: | ---: | ---: | ---: |");
        for (part, held) in samples.iter().enumerate() {
            println!("| {} of {PARTS} | {} | {} | {} |", part + 1, held.memory, held.descriptors, held.threads);
        }
        println!("{} rounds of people, {} further calls", rounds.into_inner(), calls.into_inner());
    } else {
        assert!(rounds.into_inner() >= PEOPLE.len() && calls.into_inner() > 0, "nobody worked");
    }
    // A pool may still open what it is allowed to; a leak of one a round would be far more in the long run.
    assert!(last.descriptors <= first.descriptors + 16, "{samples:?}");
    assert!(last.threads <= first.threads + 16, "{samples:?}");
    assert!(last.memory <= first.memory * 3 / 2 + 64_000, "{samples:?}");
    if minutes.is_some() {
        // By the half of a long run everything has been used often enough.
        let half = samples[samples.len() / 2 - 1];
        assert!(last.memory <= half.memory * 21 / 20, "it grows: {samples:?}");
    }
    let (status, said) = server.terminate();
    assert_eq!(status, 0, "{said}");
    assert!(!said.contains("ERROR") && !said.contains("panicked"), "{said}");
}
