//! Runs the registered tests with the options and the output of Rust's own test harness.
//!
//! A test whose requirements are missing is ignored and listed at the end; with `CI=true` it fails.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the time limit of a test is the machine's time"
)]

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};

use super::database::Backend;
use super::postgres;
use super::requirement::Requirement;

/// A test that hangs ends the run after this time. A long run of `operations::leaks` has its own time in addition.
const TEST_TIMEOUT: Duration = Duration::from_mins(10);

/// A function that `#[db_test]` or `#[plain_test]` registered.
pub struct TestCase {
    pub module: &'static str,
    pub name: &'static str,
    pub run: fn(),
    /// Runs once on each of these; once without a database if there is none.
    pub backends: &'static [Backend],
    pub needs: &'static [Requirement],
}

inventory::collect!(TestCase);

/// One run of a test case.
#[derive(Clone)]
struct TestRun {
    name: String,
    run: fn(),
    backend: Option<Backend>,
    missing: BTreeSet<&'static str>,
}

/// Runs what the command line selects.
pub fn main() -> ExitCode {
    // Dropped after a panic too, before the exit code is returned.
    let _cleanup = Cleanup;
    let arguments = Arguments::from_args();
    let must_run = std::env::var_os("CI").is_some_and(|ci| ci == "true");
    let mut runs: Vec<TestRun> = inventory::iter::<TestCase>.into_iter().flat_map(TestCase::runs).collect();
    runs.sort_by(|one, other| one.name.cmp(&other.name));
    let trials = runs.iter().cloned().map(|run| {
        let is_ignored = !run.missing.is_empty() && !must_run;
        Trial::test(run.name.clone(), move || run.run()).with_ignored_flag(is_ignored)
    });
    let trials = trials.collect();
    std::panic::set_hook(Box::new(keep_panic_message));
    std::thread::spawn(end_after_timeout);
    let conclusion = libtest_mimic::run(&arguments, trials);
    let are_ignored_run = arguments.ignored || arguments.include_ignored;
    if !arguments.list && !must_run && !are_ignored_run {
        list_skipped(runs.iter().filter(|run| run.is_selected(&arguments)));
    }
    conclusion.exit_code()
}

struct Cleanup;

impl Drop for Cleanup {
    fn drop(&mut self) {
        postgres::shut_down();
    }
}

impl TestCase {
    fn runs(&self) -> Vec<TestRun> {
        let module = self.module.split_once("::").map_or("", |(_, module)| module);
        let run = |suffix: &str, backend: Option<Backend>| {
            let needs_postgres = (backend == Some(Backend::Postgres)).then_some(Requirement::Postgres);
            let needs = self.needs.iter().copied().chain(needs_postgres);
            TestRun {
                name: format!("{module}::{}{suffix}", self.name),
                run: self.run,
                backend,
                missing: needs.filter_map(Requirement::missing).collect(),
            }
        };
        if self.backends.is_empty() {
            return vec![run("", None)];
        }
        self.backends.iter().map(|&backend| run(&format!("::{}", backend.name()), Some(backend))).collect()
    }
}

impl TestRun {
    fn run(self) -> Result<(), Failed> {
        if !self.missing.is_empty() {
            let missing: Vec<&str> = self.missing.into_iter().collect();
            return Err(format!("needs {}", missing.join("; ")).into());
        }
        RUNNING.lock().unwrap().insert(self.name.clone(), Instant::now());
        Backend::set_current(self.backend);
        IS_TEST_THREAD.set(true);
        let result = catch_unwind(self.run);
        IS_TEST_THREAD.set(false);
        RUNNING.lock().unwrap().remove(&self.name);
        result.map_err(|payload| {
            let message = PANIC_MESSAGE.take().unwrap_or_else(|| payload_text(payload.as_ref()).to_owned());
            Failed::from(message)
        })
    }

    /// The filters of `libtest_mimic`.
    fn is_selected(&self, arguments: &Arguments) -> bool {
        let matches = |filter: &String| {
            if arguments.exact { self.name == *filter } else { self.name.contains(filter.as_str()) }
        };
        arguments.filter.as_ref().is_none_or(matches) && !arguments.skip.iter().any(matches)
    }
}

/// Lists what was missing, and how many of these tests were ignored for it.
fn list_skipped<'a>(runs: impl Iterator<Item = &'a TestRun>) {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for missing in runs.flat_map(|run| &run.missing) {
        *counts.entry(missing).or_default() += 1;
    }
    for (missing, count) in counts {
        eprintln!("{count} tests ignored, which need {missing}");
    }
}

thread_local! {
    static IS_TEST_THREAD: Cell<bool> = const { Cell::new(false) };
    static PANIC_MESSAGE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The tests under way and when they began.
static RUNNING: Mutex<BTreeMap<String, Instant>> = Mutex::new(BTreeMap::new());

/// Keeps the message of a test's panic for the list of failures. Panics of other threads are printed immediately.
fn keep_panic_message(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let message = format!("{place}: {}", payload_text(info.payload()));
    let is_test_thread = IS_TEST_THREAD.try_with(Cell::get).unwrap_or(false);
    if is_test_thread {
        PANIC_MESSAGE.set(Some(message));
    } else {
        eprintln!("a thread panicked at {message}");
    }
}

fn payload_text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without a message")
}

/// Ends the process, with its servers, when a test has run for too long.
fn end_after_timeout() {
    let minutes = std::env::var("ENDURANCE_MINUTES").ok().and_then(|minutes| minutes.parse().ok()).unwrap_or(0);
    let timeout = TEST_TIMEOUT + Duration::from_mins(minutes);
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let running = RUNNING.lock().unwrap();
        let late = running.iter().find(|(_, begun)| begun.elapsed() > timeout).map(|(name, _)| name.clone());
        drop(running);
        if let Some(name) = late {
            eprintln!("test {name} has not ended within {timeout:?}: the run is aborted");
            eprintln!("{}\n{}", thread_states(), postgres::activity());
            let _ = catch_unwind(AssertUnwindSafe(postgres::shut_down));
            std::process::exit(101);
        }
    }
}

/// What each thread of this process waits for in the kernel.
fn thread_states() -> String {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let state = |thread: std::fs::DirEntry| {
        let read = |name: &str| std::fs::read_to_string(thread.path().join(name)).unwrap_or_default();
        format!(
            "{} {}: {} {}",
            thread.file_name().display(),
            read("comm").trim(),
            read("wchan"),
            read("syscall").trim()
        )
    };
    threads.map(state).collect::<Vec<_>>().join("\n")
}
