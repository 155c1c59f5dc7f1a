//! The files of `deploy/` in front of Latchkey, with a real nginx and a real Caddy: their logs hold no secret.

use std::net::SocketAddr;

use latchkey::config::ServerArgs;

use crate::support::api_client::{Call, encode};
use crate::support::browser_client::Browser;
use crate::support::proxy::{Proxy, adapted, caddy, free_port, nginx, own_address};
use crate::support::{TestServer, proxy_settings};

fn latchkey() -> TestServer {
    TestServer::start_with(ServerArgs { listen: own_address(), ..proxy_settings() })
}

/// Goes to where codes stand, and to where somebody pasted one, while Latchkey is there; then to where codes stand and
/// to a page of a workspace while it is not. Returns what no log may hold, and the id of the sign-in page's request.
fn visit(server: &mut TestServer, proxy: &Proxy, other_places: &[SocketAddr]) -> ([String; 3], String) {
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let (reset, invitation) = (server.reset_link("bob"), server.invite(&alice, "editor"));
    let code = |link: &str| link.rsplit('/').next().unwrap().to_owned();
    let secrets = [code(&reset), code(&invitation), value];
    let (mut links, mut pasted) = (vec![reset.clone(), invitation.clone()], Vec::new());
    for secret in &secrets {
        links.push(format!("/login?next={}", encode(&format!("/reset/{secret}"))));
        links.push(format!("/setup?code={secret}"));
        links.push(format!("/invitations/{secret}/more"));
        links.push(format!("//reset//{secret}"));
        links.push(format!("/%72eset/%0A{secret}"));
        links.push(format!("/reset/{}", &secret[..12]));
        pasted.push(format!("/RESET/{secret}"));
        pasted.push(format!("/no/such/place%0A{secret}?{secret}"));
        pasted.push(format!("/api/v2/workspace.json?access_token={secret}"));
    }
    for place in std::iter::once(&proxy.address).chain(other_places) {
        for path in links.iter().chain(&pasted) {
            Call::new(*place, "GET", path).header("Referer", &format!("http://{place}{reset}")).send();
        }
    }
    let browser = Browser::new(proxy.address);
    let page = browser.get("/login");
    assert_eq!(page.status, 200);
    let used = browser.post(&reset, &[("password", "seven blue kettles")]);
    assert_eq!(used.status, 303, "{}", used.body);
    server.stop();
    for path in &links {
        assert_eq!(browser.get(path).status, 502, "{path}");
    }
    assert_eq!(browser.get("/w/acme/settings/tokens").status, 502);
    (secrets, page.header("x-request-id").to_owned())
}

fn holds_none(log: &str, secrets: &[String]) {
    for secret in secrets {
        // Not its first letters either.
        assert!(!log.contains(&secret[..12]), "{secret} in {log}");
    }
}

#[db_test(needs(nginx))]
fn no_code_and_no_value_reaches_the_logs_of_nginx() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    let (mut server, port, plain) = (latchkey(), free_port(), free_port());
    let snippet = adapted(
        "nginx.conf",
        &[
            ("    server 127.0.0.1:8080;", &format!("    server {};", server.address)),
            ("listen 80;", &format!("listen 127.0.0.1:{plain};")),
            ("listen [::]:80;", ""),
            ("listen 443 ssl;", &format!("listen 127.0.0.1:{port};")),
            ("listen [::]:443 ssl;", ""),
            ("ssl_certificate     /etc/ssl/tokens.example/fullchain.pem;", ""),
            ("ssl_certificate_key /etc/ssl/tokens.example/privkey.pem;", ""),
            ("/var/log/nginx/latchkey.log", log.to_str().unwrap()),
        ],
    );
    let proxy = nginx(port, &snippet);
    for health in ["/healthz", "/readyz"] {
        assert_eq!(Browser::new(proxy.address).get(health).status, 404, "{health} is nobody's outside");
    }
    let (secrets, id) = visit(&mut server, &proxy, &[proxy.listening_at(plain)]);

    let last = "\"GET /w/acme/settings/tokens HTTP/1.1\" 502 ";
    // A line is written after its answer.
    server.wait_until(|_| std::fs::read_to_string(&log).unwrap().contains(last));
    let (access, errors) = (std::fs::read_to_string(&log).unwrap(), proxy.said());
    holds_none(&access, &secrets);
    holds_none(&errors, &secrets);
    assert!(errors.contains("GET /w/acme/settings/tokens") && errors.contains("connect() failed"), "{errors}");
    for told in [
        "\"GET /reset/... HTTP/1.1\" 200 ",
        "\"POST /reset/... HTTP/1.1\" 303 ",
        "\"GET /invitations/... HTTP/1.1\" 200 ",
        "\"GET /login HTTP/1.1\" 200 ",
        "\"GET /setup HTTP/1.1\" 404 ",
    ] {
        assert!(access.contains(told), "{told} not in {access}");
    }
    assert_eq!(access.lines().filter(|line| line.ends_with(&id)).count(), 1, "Latchkey's own id: {access}");
}

#[db_test(needs(caddy))]
fn no_code_and_no_value_reaches_the_log_of_caddy() {
    let (mut server, port, plain) = (latchkey(), free_port(), free_port());
    let snippet = adapted(
        "Caddyfile",
        &[
            ("127.0.0.1:8080", &server.address.to_string()),
            ("\nhttp://api.example {", &format!("\nhttp://api.example:{} {{", free_port())),
            ("\napi.example {", &format!("\nhttp://api.example:{} {{", free_port())),
            // With access logs, which Caddy has only where it is asked for.
            ("\nhttp://tokens.example {", &format!("\nhttp://127.0.0.1:{plain} {{\n\tlog")),
            ("\ntokens.example {", &format!("\nhttp://127.0.0.1:{port} {{\n\tlog")),
        ],
    );
    let proxy = caddy(port, &snippet);
    for health in ["/healthz", "/readyz"] {
        assert_eq!(Browser::new(proxy.address).get(health).status, 404, "{health} is nobody's outside");
    }
    let (secrets, id) = visit(&mut server, &proxy, &[proxy.listening_at(plain)]);

    let last = "\"uri\":\"/w/acme/settings/tokens\"";
    server.wait_until(|_| proxy.said().contains(last));
    let log = proxy.said();
    holds_none(&log, &secrets);
    for told in
        ["\"uri\":\"/reset/...\"", "\"uri\":\"/invitations/...\"", "\"uri\":\"/login...\"", "connection refused"]
    {
        assert!(log.contains(told), "{told} not in {log}");
    }
    assert!(log.contains(&id), "Latchkey's own id: {log}");
}
