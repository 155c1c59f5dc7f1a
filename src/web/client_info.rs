//! The client of a request: its address, from the socket or from trusted proxies, and its user agent.

use std::borrow::Cow;
use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicI64, Ordering};

use actix_web::dev::{Payload, RequestHead};
use actix_web::http::header::{USER_AGENT, X_FORWARDED_FOR};
use actix_web::{FromRequest, HttpRequest};

use crate::base::client_info::{AGENT_MAX, ClientInfo};
use crate::base::clock::Timestamp;
use crate::base::text;
use crate::web::app_state::AppState;
use crate::web::error::PageError;

/// Returns address and user agent of the client that sent `request`, perhaps through a trusted proxy.
pub(crate) fn client_info(request: &HttpRequest, app: &AppState) -> ClientInfo {
    let agent = request
        .headers()
        .get(USER_AGENT)
        .map(|value| text::sanitize(&String::from_utf8_lossy(value.as_bytes()), AGENT_MAX));
    ClientInfo { ip: request_ip(request.head(), app), agent: agent.filter(|agent| !agent.is_empty()) }
}

/// Returns the address of the client that sent the request with this head.
pub(crate) fn request_ip(head: &RequestHead, app: &AppState) -> IpAddr {
    // `None` only for sockets other than TCP, on which this server does not listen.
    let peer = head.peer_addr.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| peer.ip()).to_canonical();
    let trusted = &app.site.trusted_proxies;
    if trusted.is_empty() {
        return peer;
    }
    let lines: Vec<Cow<'_, str>> =
        head.headers().get_all(X_FORWARDED_FOR).map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    let (ip, has_invalid) = client_ip(peer, lines.iter().map(AsRef::as_ref), trusted);
    if has_invalid && is_warning_due(app.clock.now()) {
        log::warn!("skipped a part of X-Forwarded-For from {peer} that is not an address");
    }
    ip
}

/// Returns the client's address, and whether a part of the header that had to be read is not an address.
///
/// `X-Forwarded-For` is read from its end: a trusted proxy appends the address of its peer, so the last address that is
/// not a trusted proxy is the client's. The client can forge every entry before that one. What is not an address is
/// skipped.
pub(crate) fn client_ip<'a>(
    peer: IpAddr,
    forwarded: impl Iterator<Item = &'a str>,
    trusted: &[ipnet::IpNet],
) -> (IpAddr, bool) {
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|net| net.contains(ip));
    let (mut client, mut has_invalid) = (peer, false);
    let hops: Vec<&str> = forwarded.flat_map(|line| line.split(',')).collect();
    for hop in hops.into_iter().rev() {
        if !is_trusted(&client) {
            break;
        }
        match parse_hop(hop) {
            Some(ip) => client = ip,
            None => has_invalid = true,
        }
    }
    (client, has_invalid)
}

/// Parses an address as proxies write it: with or without a port, an IPv6 address with or without brackets, quotes
/// (RFC 7239, section 6) and a zone (RFC 4007, section 11).
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim().trim_matches('"');
    let (address, port) = match hop.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            (address, port.strip_prefix(':').or_else(|| port.is_empty().then_some("0"))?)
        }
        None if hop.matches(':').count() == 1 => hop.split_once(':')?,
        None => (hop, "0"),
    };
    port.parse::<u16>().ok()?;
    let address = address.split_once('%').map_or(address, |(address, _)| address);
    Some(address.parse::<IpAddr>().ok()?.to_canonical())
}

/// Returns `true` at most once per minute.
fn is_warning_due(now: Timestamp) -> bool {
    static LAST_WARNING: AtomicI64 = AtomicI64::new(i64::MIN);
    let (last, now) = (LAST_WARNING.load(Ordering::Relaxed), now.micros());
    (now.saturating_sub(last) >= 60_000_000 || now < last)
        && LAST_WARNING.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
}

impl FromRequest for ClientInfo {
    type Error = PageError;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(AppState::from_request(request).map(|app| client_info(request, &app)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn client(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let trusted: Vec<ipnet::IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        client_ip(peer.parse().unwrap(), forwarded.iter().copied(), &trusted).0.to_string()
    }

    #[test]
    fn x_forwarded_for_is_ignored_unless_the_peer_is_a_trusted_proxy() {
        assert_eq!(client("203.0.113.7", &["1.2.3.4"], &[]), "203.0.113.7");
        assert_eq!(client("203.0.113.7", &["1.2.3.4"], &["10.0.0.0/8"]), "203.0.113.7");
    }

    #[test]
    fn the_last_address_that_is_not_a_trusted_proxy_is_the_client() {
        assert_eq!(client("10.0.0.1", &["203.0.113.7"], &["10.0.0.0/8"]), "203.0.113.7");
        assert_eq!(client("10.0.0.1", &["1.2.3.4, 203.0.113.7"], &["10.0.0.0/8"]), "203.0.113.7");
        assert_eq!(client("10.0.0.1", &["1.2.3.4", "203.0.113.7, 10.0.0.2"], &["10.0.0.0/8"]), "203.0.113.7");
        assert_eq!(client("10.0.0.1", &["unknown"], &["10.0.0.0/8"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["203.0.113.7, unknown"], &["10.0.0.0/8"]), "203.0.113.7");
        assert_eq!(client("10.0.0.1", &[], &["10.0.0.0/8"]), "10.0.0.1");
    }

    #[test]
    fn ports_brackets_quotes_and_zones_are_accepted() {
        for (hop, ip) in [
            ("203.0.113.10:51234", "203.0.113.10"),
            ("[2001:db8::1]:51234", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("\"[2001:db8::1]:51234\"", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("::ffff:203.0.113.10", "203.0.113.10"),
        ] {
            assert_eq!(client("10.0.0.1", &[hop], &["10.0.0.0/8"]), ip, "{hop}");
        }
        for invalid in
            ["", "unknown", "_hidden", "203.0.113.10:", "203.0.113.10:x", "[2001:db8::1", "[2001:db8::1]x", "é"]
        {
            assert_eq!(parse_hop(invalid), None, "{invalid}");
        }
    }

    #[test]
    fn addresses_of_one_ipv6_network_have_the_same_rate_limit_key() {
        let key = |ip: &str| ClientInfo { ip: ip.parse().unwrap(), agent: None }.rate_limit_key();
        assert_eq!(key("2001:db8:1:2:3:4:5:6"), key("2001:db8:1:2::1"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
    }

    proptest! {
        #[test]
        fn a_forged_x_forwarded_for_does_not_change_the_client(
            forged in "\\PC{0,30}",
            client_ip in any::<[u8; 4]>().prop_map(|[_, b, c, d]| format!("203.{b}.{c}.{d}")),
            proxies in prop::collection::vec(any::<u8>().prop_map(|d| format!("10.0.0.{d}")), 0..4),
            blank in " {0,2}",
        ) {
            let hops = [forged, client_ip.clone()].into_iter().chain(proxies).collect::<Vec<_>>();
            let one_line = hops.join(&format!(",{blank}"));
            prop_assert_eq!(client("10.9.9.9", &[&one_line], &["10.0.0.0/8"]), client_ip.clone());
            let lines: Vec<&str> = hops.iter().map(String::as_str).collect();
            prop_assert_eq!(client("10.9.9.9", &lines, &["10.0.0.0/8"]), client_ip.clone(), "one header line per hop");
            prop_assert_eq!(client(&client_ip, &lines, &["10.0.0.0/8"]), client_ip, "a direct connection");
        }

        #[test]
        fn the_client_is_the_peer_or_an_address_in_the_header(line in "[0-9a-f:., x]{0,60}") {
            let trusted = ["0.0.0.0/1", "::/1"];
            let found: IpAddr = client("10.0.0.1", &[&line], &trusted).parse().unwrap();
            let mut hops = line.split(',').filter_map(parse_hop);
            prop_assert!(found.to_string() == "10.0.0.1" || hops.any(|hop| hop == found), "{} of {}", found, line);
        }
    }
}
