//! The files of `deploy/` for a gateway in front of an API, with a real nginx and a real Caddy.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use latchkey::config::ServerArgs;

use crate::support::api_client::{Answer, Call, raw};
use crate::support::proxy::{Proxy, adapted, caddy, free_port, nginx};
use crate::support::wait::wait_until;
use crate::support::{TestServer, proxy_settings};

/// An API that answers with the head of the request that it got, and knows nothing of tokens.
struct Api {
    address: SocketAddr,
    asked: Arc<AtomicU32>,
    over: Arc<AtomicBool>,
}

impl Api {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, over) = (Arc::<AtomicU32>::default(), Arc::<AtomicBool>::default());
        let (count, end) = (Arc::clone(&asked), Arc::clone(&over));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(stream) = stream {
                    answer(stream, &count);
                }
            }
        });
        Self { address, asked, over }
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn answer(mut stream: TcpStream, asked: &AtomicU32) {
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let (mut head, mut chunk) = (Vec::new(), [0; 4096]);
    while !head.windows(4).any(|it| it == b"\r\n\r\n") {
        match stream.read(&mut chunk) {
            Ok(read @ 1..) => head.extend_from_slice(&chunk[..read]),
            _ => return,
        }
    }
    asked.fetch_add(1, Ordering::SeqCst);
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", head.len());
    let _ = stream.write_all(answer.as_bytes()).and_then(|()| stream.write_all(&head));
}

/// Latchkey, an API, and the proxy that asks the one about requests to the other.
struct Site {
    latchkey: TestServer,
    api: Api,
    proxy: Proxy,
    /// Its own answer when nobody can be asked.
    closed: u16,
}

impl Site {
    fn open(demand: &str, start: impl FnOnce(u16, SocketAddr, SocketAddr, &str) -> Proxy, closed: u16) -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let latchkey = TestServer::start_with(ServerArgs { listen, ..proxy_settings() });
        let api = Api::open();
        let proxy = start(free_port(), latchkey.address, api.address, demand);
        Self { latchkey, api, proxy, closed }
    }

    fn behind_nginx(demand: &str) -> Self {
        let start = |port: u16, latchkey: SocketAddr, api: SocketAddr, demand: &str| {
            let snippet = adapted(
                "nginx-gateway.conf",
                &[
                    ("127.0.0.1:8080", &latchkey.to_string()),
                    ("127.0.0.1:9000", &api.to_string()),
                    ("listen 443 ssl;", &format!("listen 127.0.0.1:{port};")),
                    ("listen [::]:443 ssl;", ""),
                    ("ssl_certificate     /etc/ssl/api.example/fullchain.pem;", ""),
                    ("ssl_certificate_key /etc/ssl/api.example/privkey.pem;", ""),
                    ("/auth/verify;", &format!("/auth/verify{demand};")),
                ],
            );
            nginx(port, &snippet)
        };
        Self::open(demand, start, 500)
    }

    fn behind_caddy(demand: &str) -> Self {
        let start = |port: u16, latchkey: SocketAddr, api: SocketAddr, demand: &str| {
            let demand = if demand.is_empty() { "?" } else { demand };
            let snippet = adapted(
                "Caddyfile",
                &[
                    ("127.0.0.1:8080", &latchkey.to_string()),
                    ("127.0.0.1:9000", &api.to_string()),
                    ("api.example {", &format!("http://127.0.0.1:{port} {{")),
                    ("tokens.example {", &format!("http://127.0.0.1:{} {{", free_port())),
                    ("uri /auth/verify?\n", &format!("uri /auth/verify{demand}\n")),
                ],
            );
            caddy(port, &snippet)
        };
        Self::open(demand, start, 502)
    }

    fn call(&self, method: &str, path: &str) -> Call {
        Call::new(self.proxy.address, method, path)
    }

    fn get(&self, value: &str) -> Answer {
        self.call("GET", "/orders").bearer(value).send()
    }

    /// [`Site::get`], until the proxy has noticed.
    fn get_until(&self, value: &str, status: u16) {
        wait_until(&format!("the proxy answers {status}"), || self.get(value).status == status);
    }
}

/// The header's values in the head that the API got.
fn got<'a>(answer: &'a Answer, name: &str) -> Vec<&'a str> {
    let lines = answer.body.lines().filter_map(|line| line.split_once(':'));
    lines.filter(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
}

/// Allowed, refused, deleted in between; what is forged is stripped; closed while Latchkey is down, and back.
fn check_gateway(mut site: Site) {
    let alice = site.latchkey.signed_in("alice");
    let value = site.latchkey.create_token(&alice, "acme", "Reporting");
    let leaked = site.latchkey.create_token(&alice, "acme", "Leaked");
    let me = site.latchkey.api("GET", "/api/v2/token.json").bearer(&value).send().json();

    for authorization in ["", "Bearer", "Bearer x", "Bearer a b", "Token x", "Digest x"] {
        let answer = site.call("GET", "/orders").header("Authorization", authorization).send();
        assert_eq!(answer.status, 401, "{authorization:?}: {}", site.proxy.said());
        assert!(answer.header("www-authenticate").starts_with("Bearer realm=\"latchkey\""), "{authorization:?}");
    }
    assert_eq!(site.call("GET", "/orders").send().status, 401);
    assert_eq!(site.api.asked(), 0, "nobody got through");

    let forged = [
        ("X-Auth-Role", "root"),
        ("x-auth-email", "root@example.org"),
        ("X-AUTH-WORKSPACE", "x"),
        ("X-Auth-Workspace-Slug", "x"),
        ("X-Auth-User", "x"),
        ("X-Auth-Token", "x"),
        ("X_Auth_Role", "root"),
        ("X-Auth_Role", "root"),
        ("X_auth-User", "root"),
    ];
    for (method, path) in [("GET", "/orders"), ("GET", "/orders?role=root&x=1"), ("POST", "/orders"), ("DELETE", "/")] {
        let mut call = site.call(method, path).bearer(&value).header("User-Agent", "warehouse/2.1");
        for (name, value) in forged {
            call = call.header(name, value);
        }
        let answer = if method == "POST" { call.body("a=b") } else { call }.send();
        assert_eq!(answer.status, 200, "{method} {path}: {} {}", answer.body, site.proxy.said());
        assert!(answer.body.starts_with(&format!("{method} {path} HTTP/1.1\r\n")), "{}", answer.body);
        for (name, expected) in [
            ("X-Auth-Workspace", me["workspace"]["uuid"].as_str().unwrap()),
            ("X-Auth-Workspace-Slug", "acme"),
            ("X-Auth-User", me["user"]["uuid"].as_str().unwrap()),
            ("X-Auth-Email", "alice@example.org"),
            ("X-Auth-Role", "administrator"),
            ("X-Auth-Token", me["uuid"].as_str().unwrap()),
        ] {
            assert_eq!(got(&answer, name), [expected], "{name}: {}", answer.body);
        }
        for stripped in ["Authorization", "X_Auth_Role", "X-Auth_Role", "X_auth-User"] {
            assert_eq!(got(&answer, stripped), Vec::<&str>::new(), "{stripped}: {}", answer.body);
        }
        assert!(!answer.body.contains(&value) && !answer.body.contains("root@"), "{}", answer.body);
    }
    site.latchkey.flush();
    let list = alice.get("/w/acme/settings/tokens").text();
    assert!(list.contains("from 127.0.0.1 (warehouse/2.1)"), "the gateway's use is evidence: {list}");

    assert_eq!(site.get(&leaked).status, 200);
    alice.post(&alice.delete_path("acme", "Leaked"), &[]);
    let refused = site.get(&leaked);
    assert_eq!(refused.status, 401, "from the very next request on");
    assert!(refused.header("www-authenticate").contains("The token was deleted on"));

    let asked = site.api.asked();
    let twice = format!(
        "GET /orders HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Bearer {value}\r\nAuthorization: Bearer {value}\r\n\r\n",
        site.proxy.address
    );
    let twice = raw(site.proxy.address, twice.as_bytes());
    assert!(twice.starts_with("HTTP/1.1 401 ") || twice.starts_with("HTTP/1.1 400 "), "{twice}");
    site.latchkey.stop();
    assert_eq!(site.get(&value).status, site.closed, "closed while nobody can be asked");
    assert_eq!(site.call("GET", "/orders").send().status, site.closed);
    assert_eq!(site.api.asked(), asked);
    site.latchkey.restart();
    site.get_until(&value, 200);
    assert!(!site.proxy.said().contains(&value), "the proxy logs no value, not even of what failed");
}

/// What the proxy demands of a token is met or 403.
fn check_requirements(site: &Site) {
    let (alice, bob) = (site.latchkey.signed_in("alice"), site.latchkey.signed_in("bob"));
    let good = site.latchkey.create_token(&alice, "acme", "Good");
    let elsewhere = site.latchkey.create_token(&alice, "acme-demo", "Elsewhere");
    let editor = site.latchkey.create_token(&bob, "acme", "Editor");
    assert_eq!([&good, &elsewhere, &editor].map(|value| site.get(value).status), [200, 403, 403]);
    let query = site.call("GET", "/orders?workspace=acme-demo&role=editor").bearer(&editor).send();
    assert_eq!((query.status, site.api.asked()), (403, 1), "the client's query demands nothing");
}

const DEMAND: &str = "?workspace=acme&role=administrator";

#[db_test(needs(nginx))]
fn nginx_with_the_file_of_deploy_allows_valid_tokens_only() {
    check_gateway(Site::behind_nginx(""));
}

#[db_test(needs(nginx))]
fn nginx_requires_a_workspace_and_a_role() {
    check_requirements(&Site::behind_nginx(DEMAND));
}

#[db_test(needs(caddy))]
fn caddy_with_the_file_of_deploy_allows_valid_tokens_only() {
    check_gateway(Site::behind_caddy(""));
}

#[db_test(needs(caddy))]
fn caddy_requires_a_workspace_and_a_role() {
    check_requirements(&Site::behind_caddy(DEMAND));
}
