//! `PostgreSQL` and an instance are killed during work: every acknowledged write is kept.

use std::net::SocketAddr;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::support::PASSWORD;
use crate::support::api_client::{Answer, Call};
use crate::support::browser_client::Browser;
use crate::support::postgres::OwnServer;
use crate::support::process::{Home, Latchkey};
use crate::support::wait::{SetOnDrop, wait_until};

const TOKENS: &str = "/w/acme/settings/tokens";
const WORKERS: usize = 4;
/// Acknowledged rounds of the workers between two outages.
const ACKNOWLEDGED: usize = 20;

/// What all workers have done so far.
#[derive(Default)]
struct Progress {
    acknowledged: AtomicUsize,
    failed: AtomicUsize,
}

impl Progress {
    /// Waits until the workers have got this many acknowledgments more.
    fn wait_for_acknowledgments(&self, count: usize) {
        let enough = self.acknowledged.load(Ordering::SeqCst) + count;
        wait_until("more writes are acknowledged", || self.acknowledged.load(Ordering::SeqCst) >= enough);
    }

    /// Waits until a request of each worker can have failed.
    fn wait_for_failures(&self) {
        let enough = self.failed.load(Ordering::SeqCst) + WORKERS;
        wait_until("more requests fail", || self.failed.load(Ordering::SeqCst) >= enough);
    }
}

/// What one person knows from what was answered.
#[derive(Default)]
struct Knowledge {
    live: Vec<String>,
    gone: Vec<String>,
    unanswered: u32,
}

impl Knowledge {
    /// A deletion that was not answered as done. The value's creation was: to call it unknown is to have lost that.
    fn not_done(&mut self, answer: Result<Answer, ureq::Error>) {
        if let Ok(answer) = answer {
            assert_eq!(answer.status, 503, "a create that was answered is lost: {}", answer.body);
        }
        self.unanswered += 1;
    }
}

/// Where the instances are now; they come back elsewhere.
type Places = RwLock<[SocketAddr; 2]>;

fn opens(place: SocketAddr, value: &str) -> u16 {
    Call::new(place, "GET", "/api/v2/workspace.json").bearer(value).send().status
}

/// Deletes the listed tokens whose creation was not answered.
fn tidy(browser: &Browser) -> Result<(), ureq::Error> {
    let list = browser.try_get(TOKENS)?;
    for path in list.page().attributes("article.row a[href$='/delete']", "href") {
        browser.try_post(&path, &[])?;
    }
    Ok(())
}

/// Waits until an instance is ready, so that no worker makes requests in vain, or until `stop` is set.
fn wait_until_ready(places: &Places, stop: &AtomicBool) {
    wait_until("an instance is ready", || {
        let places = *places.read().unwrap();
        let mut ready = places.into_iter().map(|place| Call::new(place, "GET", "/readyz").try_send());
        stop.load(Ordering::SeqCst) || ready.any(|answer| answer.is_ok_and(|answer| answer.status == 200))
    });
}

/// Creates and deletes on alternating instances until `stop` is set.
fn work(nth: usize, cookie: &str, places: &Places, progress: &Progress, stop: &AtomicBool) -> Knowledge {
    let mut known = Knowledge::default();
    let mut round = 0;
    while !stop.load(Ordering::SeqCst) {
        round += 1;
        let unanswered = known.unanswered;
        let place = places.read().unwrap()[round % 2];
        let browser = Browser::new(place);
        let (name, value) = cookie.split_once('=').unwrap();
        browser.set_cookie(name, value);
        let key = format!("{nth:02}{round:020}");
        let made = browser.try_post(TOKENS, &[("name", &format!("Token {round}")), ("form_key", &key)]);
        match made {
            Ok(answer) if answer.status == 201 => {
                let value = answer.value();
                if round % 3 == 0 {
                    known.live.push(value);
                    // Three are the most: make room by deleting the oldest.
                    if known.live.len() == 3 {
                        let oldest = known.live.remove(0);
                        match Call::new(place, "DELETE", "/api/v2/token.json").bearer(&oldest).try_send() {
                            Ok(answer) if answer.status == 204 => known.gone.push(oldest),
                            answer => known.not_done(answer),
                        }
                    }
                } else {
                    match Call::new(place, "DELETE", "/api/v2/token.json").bearer(&value).try_send() {
                        Ok(answer) if answer.status == 204 => known.gone.push(value),
                        answer => known.not_done(answer),
                    }
                }
            }
            Ok(answer) if answer.status == 409 => {
                known.live.clear();
                if tidy(&browser).is_err() {
                    known.unanswered += 1;
                }
            }
            Ok(answer) => {
                assert_eq!(answer.status, 503, "{}", answer.text());
                known.unanswered += 1;
            }
            Err(_) => known.unanswered += 1,
        }
        if known.unanswered > unanswered {
            progress.failed.fetch_add(1, Ordering::SeqCst);
            wait_until_ready(places, stop);
        } else {
            progress.acknowledged.fetch_add(1, Ordering::SeqCst);
        }
    }
    known
}

#[db_test(postgres, needs(postgres_programs))]
fn killing_the_database_server_and_an_instance_loses_no_acknowledged_write() {
    let database = OwnServer::start();
    let home = Home::on(&database);
    let serve = || home.serve_with(&[], "off");
    let people: Vec<String> = (0..WORKERS).map(|nth| format!("member{nth}@example.org")).collect();
    home.add_acme(&people, "editor");
    let mut instances: [Option<Latchkey>; 2] = [Some(serve()), Some(serve())];
    let places = Places::new(instances.each_ref().map(|it| it.as_ref().unwrap().address));
    let cookies: Vec<String> = people
        .iter()
        .map(|email| {
            let browser = Browser::new(places.read().unwrap()[0]);
            assert_eq!(browser.post("/login", &[("email", email), ("password", PASSWORD)]).status, 303);
            browser.cookie_header()
        })
        .collect();

    let (progress, stop) = (Progress::default(), AtomicBool::new(false));
    let (work_places, work_progress, work_stop) = (&places, &progress, &stop);
    let known: Vec<Knowledge> = std::thread::scope(|scope| {
        let _stop = SetOnDrop(&stop);
        let workers: Vec<_> = cookies
            .iter()
            .enumerate()
            .map(|(nth, cookie)| scope.spawn(move || work(nth, cookie, work_places, work_progress, work_stop)))
            .collect();
        for round in 0..6 {
            progress.wait_for_acknowledgments(ACKNOWLEDGED);
            if round % 2 == 0 {
                database.kill();
                progress.wait_for_failures();
                database.start_again();
            } else {
                instances[0].take().unwrap().kill();
                progress.wait_for_failures();
                let again = serve();
                places.write().unwrap()[0] = again.address;
                instances[0] = Some(again);
            }
        }
        progress.wait_for_acknowledgments(2 * ACKNOWLEDGED);
        stop.store(true, Ordering::SeqCst);
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });

    for place in *places.read().unwrap() {
        for known in &known {
            assert!(known.live.iter().all(|value| opens(place, value) == 200), "a create that was answered is lost");
            assert!(known.gone.iter().all(|value| opens(place, value) == 401), "a deletion that was answered is lost");
        }
    }
    let count = |of: &dyn Fn(&Knowledge) -> usize| known.iter().map(of).sum::<usize>();
    let (live, gone) = (count(&|known| known.live.len()), count(&|known| known.gone.len()));
    let unanswered = count(&|known| known.unanswered as usize);
    // Or else nothing was tested.
    assert!(gone > 20 && live + gone > 24 && unanswered > 4, "{live} live, {gone} gone, {unanswered} unanswered");
}
