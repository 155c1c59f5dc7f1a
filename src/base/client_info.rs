//! Address and user agent of a client.

use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv6Addr};

use actix_web::dev::Payload;
use actix_web::http::header::{USER_AGENT, X_FORWARDED_FOR};
use actix_web::{FromRequest, HttpRequest, web};

use crate::base::text;
use crate::web::app_state::App;
use crate::web::client_info::behind;

/// The longest user agent that is kept, in characters.
pub(crate) const AGENT_MAX: usize = 200;

/// Address and user agent of whoever sent a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Client {
    /// The address. IPv4 in IPv6 clothes counts as IPv4.
    pub ip: IpAddr,
    /// The User-Agent header, cut and cleaned; `None` without one.
    pub agent: Option<String>,
}

impl Client {
    /// The client of `request`, behind those of `trusted` proxies that it came through.
    #[must_use]
    pub fn of(request: &HttpRequest, trusted: &[ipnet::IpNet]) -> Self {
        // Always there on a TCP socket, which is all that this server listens on.
        let peer = request.peer_addr().map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| peer.ip());
        let forwarded = request.headers().get_all(X_FORWARDED_FOR).filter_map(|value| value.to_str().ok());
        let agent = request
            .headers()
            .get(USER_AGENT)
            .map(|value| text::clipped(&String::from_utf8_lossy(value.as_bytes()), AGENT_MAX));
        Self { ip: behind(peer.to_canonical(), forwarded, trusted), agent: agent.filter(|agent| !agent.is_empty()) }
    }

    /// The address as text.
    #[must_use]
    pub fn ip_text(&self) -> String {
        self.ip.to_string()
    }

    /// What counts as one address where failures are counted: an IPv4 address, or the /64 network that an
    /// IPv6 subscriber has for themselves (RFC 6177).
    #[must_use]
    pub fn network(&self) -> String {
        match self.ip {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        }
    }
}

impl FromRequest for Client {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let trusted = request.app_data::<web::Data<App>>().map_or(&[][..], |app| &app.site.trusted_proxies);
        ready(Ok(Self::of(request, trusted)))
    }
}
