//! From where a request comes: the client's address, as far as proxies can be trusted, and what it calls itself.

use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv6Addr};

use actix_web::dev::Payload;
use actix_web::http::header::{USER_AGENT, X_FORWARDED_FOR};
use actix_web::{FromRequest, HttpRequest, web};

use crate::base::client_info::{AGENT_MAX, ClientInfo};
use crate::base::text;
use crate::web::app_state::AppState;

/// The address and user agent of the client that sent `request` through `trusted` proxies.
pub(crate) fn client_info(request: &HttpRequest, trusted: &[ipnet::IpNet]) -> ClientInfo {
    // Always there on a TCP socket, which is all that this server listens on.
    let peer = request.peer_addr().map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| peer.ip());
    let forwarded = request.headers().get_all(X_FORWARDED_FOR).filter_map(|value| value.to_str().ok());
    let agent = request
        .headers()
        .get(USER_AGENT)
        .map(|value| text::sanitize(&String::from_utf8_lossy(value.as_bytes()), AGENT_MAX));
    ClientInfo {
        ip: client_ip(peer.to_canonical(), forwarded, trusted),
        agent: agent.filter(|agent| !agent.is_empty()),
    }
}

/// Reads X-Forwarded-For from its end: each trusted proxy vouches for the entry before its own, and the first
/// address that is no trusted proxy is the client. What stands before that, anybody may have written.
pub(crate) fn client_ip<'a>(
    peer: IpAddr,
    forwarded: impl Iterator<Item = &'a str>,
    trusted: &[ipnet::IpNet],
) -> IpAddr {
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|net| net.contains(ip));
    let mut client = peer;
    if trusted.is_empty() {
        return client;
    }
    let hops: Vec<&str> = forwarded.flat_map(|line| line.split(',')).collect();
    for hop in hops.into_iter().rev() {
        if !is_trusted(&client) {
            break;
        }
        match hop.trim().parse::<IpAddr>() {
            Ok(ip) => client = ip.to_canonical(),
            Err(_) => break,
        }
    }
    client
}

impl FromRequest for ClientInfo {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let trusted = request.app_data::<web::Data<AppState>>().map_or(&[][..], |app| &app.site.trusted_proxies);
        ready(Ok(client_info(request, trusted)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn client(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let trusted: Vec<ipnet::IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        client_ip(peer.parse().unwrap(), forwarded.iter().copied(), &trusted).to_string()
    }

    #[test]
    fn nobody_is_trusted_unless_named() {
        assert_eq!(client("203.0.113.7", &["1.2.3.4"], &[]), "203.0.113.7");
        assert_eq!(client("203.0.113.7", &["1.2.3.4"], &["10.0.0.0/8"]), "203.0.113.7");
    }

    #[test]
    fn a_trusted_proxy_names_the_client_and_the_client_cannot_name_another() {
        assert_eq!(client("10.0.0.1", &["203.0.113.7"], &["10.0.0.0/8"]), "203.0.113.7");
        assert_eq!(client("10.0.0.1", &["1.2.3.4, 203.0.113.7"], &["10.0.0.0/8"]), "203.0.113.7");
        assert_eq!(client("10.0.0.1", &["1.2.3.4", "203.0.113.7, 10.0.0.2"], &["10.0.0.0/8"]), "203.0.113.7");
        assert_eq!(client("10.0.0.1", &["unknown"], &["10.0.0.0/8"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[], &["10.0.0.0/8"]), "10.0.0.1");
    }

    #[test]
    fn an_ipv6_network_counts_as_one() {
        let of = |ip: &str| ClientInfo { ip: ip.parse().unwrap(), agent: None }.rate_limit_key();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    }

    proptest! {
        #[test]
        fn nobody_chooses_the_address_they_are_seen_under(
            written in "\\PC{0,30}",
            me in any::<[u8; 4]>().prop_map(|[_, b, c, d]| format!("203.{b}.{c}.{d}")),
            inner in prop::collection::vec(any::<u8>().prop_map(|d| format!("10.0.0.{d}")), 0..4),
            blank in " {0,2}",
        ) {
            // What I wrote, what the outermost of the proxies saw, and the others on the way.
            let lines = [written, me.clone()].into_iter().chain(inner).collect::<Vec<_>>();
            prop_assert_eq!(client("10.9.9.9", &[&lines.join(&format!(",{blank}"))], &["10.0.0.0/8"]), me.clone());
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            prop_assert_eq!(client("10.9.9.9", &lines, &["10.0.0.0/8"]), me.clone(), "in lines of their own");
            prop_assert_eq!(client(&me, &lines, &["10.0.0.0/8"]), me, "past the proxies");
        }

        #[test]
        fn an_address_is_the_peer_s_or_stands_in_the_header(line in "[0-9a-f:., x]{0,60}") {
            let trusted = ["0.0.0.0/1", "::/1"];
            let found: IpAddr = client("10.0.0.1", &[&line], &trusted).parse().unwrap();
            let mut written = line.split(',').filter_map(|hop| Some(hop.trim().parse::<IpAddr>().ok()?.to_canonical()));
            prop_assert!(found.to_string() == "10.0.0.1" || written.any(|hop| hop == found), "{} of {}", found, line);
        }
    }
}
