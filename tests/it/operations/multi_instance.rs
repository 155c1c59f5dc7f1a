//! Several instances on one database, behind a real nginx that distributes requests.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;

use crate::support::PASSWORD;
use crate::support::api_client::{Answer, Call};
use crate::support::browser_client::Browser;
use crate::support::process::{Home, Latchkey};
use crate::support::proxy::{self, Proxy, free_port};

const TOKENS: &str = "/w/acme/settings/tokens";

/// Two instances and the nginx in front of them.
struct Site {
    home: Home,
    instances: [Latchkey; 2],
    nginx: Proxy,
}

/// nginx that takes turns between these.
fn nginx(port: u16, behind: &[SocketAddr]) -> Proxy {
    let mut upstream = String::new();
    for address in behind {
        writeln!(upstream, "server {address};").unwrap();
    }
    proxy::nginx(
        port,
        &format!(
            "upstream latchkey {{ {upstream} keepalive 16; }}
             server {{
                 listen 127.0.0.1:{port};
                 location / {{
                     proxy_pass http://latchkey; proxy_http_version 1.1; proxy_set_header Connection '';
                     proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr;
                 }}
             }}"
        ),
    )
}

impl Site {
    /// With these people as administrators of `acme`.
    fn open(people: &[String]) -> Self {
        let home = Home::new();
        let port = free_port();
        let public_url = format!("http://127.0.0.1:{port}");
        let settings = ["--public-url", public_url.as_str(), "--trusted-proxies", "127.0.0.1"];
        // Both at once, on an empty database.
        let instances = std::thread::scope(|scope| {
            [(); 2].map(|()| scope.spawn(|| home.serve_with(&settings, "warn"))).map(|thread| thread.join().unwrap())
        });
        let nginx = nginx(port, &instances.each_ref().map(|instance| instance.address));
        home.add_acme(people, "editor");
        Self { home, instances, nginx }
    }

    fn sign_in(&self, email: &str) -> Browser {
        let browser = Browser::new(self.nginx.address);
        let answer = browser.post("/login", &[("email", email), ("password", PASSWORD)]);
        assert_eq!(answer.status, 303, "{}", answer.text());
        browser
    }

    fn call(&self, value: &str) -> Answer {
        call(self.nginx.address, value)
    }
}

fn call(address: SocketAddr, value: &str) -> Answer {
    Call::new(address, "GET", "/api/v2/workspace.json").bearer(value).send()
}

#[db_test(postgres, needs(nginx))]
fn a_session_and_a_token_are_valid_on_every_instance() {
    let site = Site::open(&["alice@example.org".to_owned()]);
    let alice = site.sign_in("alice@example.org");
    for _ in 0..6 {
        assert_eq!(alice.get(TOKENS).status, 200);
    }
    let old = alice.create_token("acme", "Reporting").value();
    assert_eq!([(); 4].map(|()| site.call(&old).status), [200; 4]);

    let rotate = alice.delete_path("acme", "Reporting").replace("/delete", "/rotate");
    let key = alice.get(&rotate).hidden("form_key");
    let new = alice.post(&rotate, &[("form_key", &key), ("grace", "24h")]).value();
    assert_eq!([&old, &new, &old, &new].map(|value| site.call(value).status), [200; 4]);
    assert_eq!(
        alice.post(&rotate, &[("form_key", &key), ("grace", "24h")]).status,
        409,
        "the other instance knows the form"
    );
    assert_eq!(alice.post(&rotate.replace("/rotate", "/retire"), &[]).status, 303);
    assert_eq!([&old, &new, &old, &new].map(|value| site.call(value).status), [401, 200, 401, 200]);

    assert_eq!(alice.post(&alice.delete_path("acme", "Reporting"), &[]).status, 303);
    assert_eq!([&old, &new, &old, &new].map(|value| site.call(value).status), [401; 4]);
    let [one, other] = site.instances.each_ref().map(|instance| instance.address);
    let here = alice.moved_to(one);
    here.post("/logout", &[]);
    assert_eq!(alice.moved_to(other).get(TOKENS).status, 303, "signed out everywhere");
}

#[db_test(postgres, needs(nginx))]
fn a_deletion_on_one_instance_counts_at_the_next_request_to_the_other() {
    let rounds = 1000;
    let site = Site::open(&["alice@example.org".to_owned()]);
    let alice = site.sign_in("alice@example.org");
    let [one, other] = site.instances.each_ref().map(|instance| instance.address);
    let mut answers: BTreeMap<(u16, u16), u32> = BTreeMap::new();
    for round in 0..rounds {
        let key = format!("{round:022}");
        let made = alice.moved_to(one).post(TOKENS, &[("name", "Reporting"), ("form_key", &key)]);
        let value = made.value();
        let before = call(other, &value).status;
        let deleted = Call::new(one, "DELETE", "/api/v2/token.json").bearer(&value).send();
        assert_eq!(deleted.status, 204);
        *answers.entry((before, call(other, &value).status)).or_default() += 1;
    }
    assert_eq!(answers, BTreeMap::from([((200, 401), rounds)]));
}

#[db_test(postgres, needs(nginx))]
fn the_token_limit_holds_for_concurrent_creates_on_several_instances() {
    const MEMBERS: usize = 20;
    const CREATES: usize = 200;
    const AT_ONCE: usize = 40;
    let people: Vec<String> = (0..MEMBERS).map(|nth| format!("member{nth}@example.org")).collect();
    let site = Site::open(&people);
    let cookies: Vec<String> = people.iter().map(|email| site.sign_in(email).cookie_header()).collect();
    let create = |nth: usize| {
        let browser = Browser::new(site.nginx.address);
        let (name, value) = cookies[nth % MEMBERS].split_once('=').unwrap();
        browser.set_cookie(name, value);
        let (name, key) = (format!("Token {nth}"), format!("{nth:022}"));
        browser.post(TOKENS, &[("name", &name), ("form_key", &key)]).status
    };
    let work = |first: usize| (first..MEMBERS * CREATES).step_by(AT_ONCE).map(create).collect::<Vec<_>>();
    let work = &work;
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE).map(|first| scope.spawn(move || work(first))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let count = |status: u16| statuses.iter().filter(|it| **it == status).count();
    assert_eq!((count(201), count(409)), (MEMBERS * 3, MEMBERS * (CREATES - 3)), "and no 5xx");
    let list = site.home.done(&["token", "list", "--workspace", "acme"]);
    for email in &people {
        assert_eq!(list.matches(&format!("\t{email}\t")).count(), 3, "{email}: {list}");
    }
}
