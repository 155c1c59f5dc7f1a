//! Address and user agent of a client.

use std::net::IpAddr;

/// The longest user agent that is kept, in characters.
pub(crate) const AGENT_MAX: usize = 200;

/// Address and user agent of whoever sent a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientInfo {
    /// The address. IPv4 in IPv6 clothes counts as IPv4.
    pub ip: IpAddr,
    /// The User-Agent header, cut and cleaned; `None` without one.
    pub agent: Option<String>,
}

impl ClientInfo {
    /// The address as text.
    #[must_use]
    pub fn ip_text(&self) -> String {
        self.ip.to_string()
    }

    /// What counts as one address where failures are counted: an IPv4 address, or the /64 network that an
    /// IPv6 subscriber has for themselves (RFC 6177).
    #[must_use]
    pub fn rate_limit_key(&self) -> String {
        match self.ip {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        }
    }
}
