//! Latchkey, an API, and a real proxy with its file of `deploy/` that asks the one about requests to the other.

use std::net::SocketAddr;

use latchkey::config::ServerArgs;

use super::api_client::{Answer, Call, exchange};
use super::proxy::{Proxy, adapted, caddy, free_port, haproxy, nginx, own_address};
use super::raw_api::RawApi;
use super::{TestServer, proxy_settings};

/// A program with a file for a gateway in `deploy/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyKind {
    Nginx,
    Caddy,
    Haproxy,
}

/// A running gateway.
pub struct Gateway {
    pub latchkey: TestServer,
    pub api: RawApi,
    pub proxy: Proxy,
    /// Where the proxy listens in place of port 80.
    pub clear_text: SocketAddr,
    pub kind: ProxyKind,
}

impl ProxyKind {
    /// The proxy's own answer while Latchkey does not answer.
    pub fn status_while_down(self) -> u16 {
        match self {
            Self::Nginx => 500,
            Self::Caddy => 502,
            Self::Haproxy => 503,
        }
    }

    fn start(self, api: SocketAddr, latchkey: SocketAddr, clear_text: u16, changes: &[(&str, &str)]) -> Proxy {
        let port = free_port();
        let file = match self {
            Self::Nginx => "nginx-gateway.conf",
            Self::Caddy => "Caddyfile",
            Self::Haproxy => "haproxy.cfg",
        };
        let (latchkey, api) = (latchkey.to_string(), api.to_string());
        let mut all = vec![("127.0.0.1:8080", latchkey), ("127.0.0.1:9000", api)];
        all.extend(match self {
            Self::Nginx => vec![
                ("listen 443 ssl;", format!("listen 127.0.0.1:{port};")),
                ("listen [::]:443 ssl;", String::new()),
                ("listen 80;", format!("listen 127.0.0.1:{clear_text};")),
                ("listen [::]:80;", String::new()),
                ("ssl_certificate     /etc/ssl/api.example/fullchain.pem;", String::new()),
                ("ssl_certificate_key /etc/ssl/api.example/privkey.pem;", String::new()),
            ],
            Self::Caddy => vec![
                ("\nhttp://api.example {", format!("\nhttp://api.example:{clear_text} {{")),
                ("\napi.example {", format!("\nhttp://127.0.0.1:{port}, http://api.example:{port} {{")),
                ("\nhttp://tokens.example {", format!("\nhttp://tokens.example:{} {{", free_port())),
                ("\ntokens.example {", format!("\nhttp://tokens.example:{} {{", free_port())),
            ],
            Self::Haproxy => vec![
                ("bind :443 ssl crt /etc/haproxy/api.example.pem", format!("bind 127.0.0.1:{port}")),
                ("bind :80", format!("bind 127.0.0.1:{clear_text}")),
                ("user haproxy", String::new()),
                ("group haproxy", String::new()),
            ],
        });
        let mut all: Vec<(&str, &str)> = all.iter().map(|(from, to)| (*from, to.as_str())).collect();
        let script = adapted("haproxy-latchkey.lua", &[]);
        let (of_script, of_file): (Vec<_>, Vec<_>) =
            changes.iter().copied().partition(|(from, _)| self == Self::Haproxy && script.contains(from));
        all.extend(of_file);
        let text = adapted(file, &all);
        match self {
            Self::Nginx => nginx(port, &text),
            Self::Caddy => caddy(port, &text),
            Self::Haproxy => haproxy(port, &text, &adapted("haproxy-latchkey.lua", &of_script)),
        }
    }
}

impl Gateway {
    pub fn start(kind: ProxyKind) -> Self {
        Self::start_with(kind, &[])
    }

    /// A gateway that demands something of each token, by the query after `/auth/verify`.
    pub fn start_with_requirement(kind: ProxyKind, query: &str) -> Self {
        let (from, to) = match kind {
            ProxyKind::Nginx => ("/auth/verify;", format!("/auth/verify{query};")),
            ProxyKind::Caddy => ("uri /auth/verify?\n", format!("uri /auth/verify{query}\n")),
            ProxyKind::Haproxy => ("/auth/verify unless", format!("/auth/verify{query} unless")),
        };
        Self::start_with(kind, &[(from, &to)])
    }

    /// A gateway whose file has these changes.
    pub fn start_with(kind: ProxyKind, changes: &[(&str, &str)]) -> Self {
        let latchkey = TestServer::start_with(ServerArgs { listen: own_address(), ..proxy_settings() });
        let api = RawApi::start();
        let clear_text = free_port();
        let proxy = kind.start(api.address, latchkey.address, clear_text, changes);
        let clear_text = proxy.listening_at(clear_text);
        Self { latchkey, api, proxy, clear_text, kind }
    }

    pub fn call(&self, method: &str, path: &str) -> Call {
        Call::new(self.proxy.address, method, path)
    }

    /// `GET /orders` with a token.
    pub fn get(&self, value: &str) -> Answer {
        self.call("GET", "/orders").bearer(value).send()
    }

    /// Sends a request as it is: its first line, and its header lines, each with its line break.
    pub fn send_raw(&self, line: &str, headers: &str, in_tunnel: &[u8]) -> String {
        let request = format!("{line} HTTP/1.1\r\nHost: api.example\r\n{headers}\r\n");
        exchange(self.proxy.address, request.as_bytes(), in_tunnel)
    }
}
