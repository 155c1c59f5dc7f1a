//! Address and user agent of a client.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv6Net};

/// Maximum stored length of a user agent, in characters.
pub(crate) const AGENT_MAX: usize = 200;

/// Address and user agent of the client that sent a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientInfo {
    /// The address. An IPv4-mapped IPv6 address is stored as IPv4.
    pub ip: IpAddr,
    /// The sanitized, truncated User-Agent header; `None` if the request has none.
    pub agent: Option<String>,
}

impl ClientInfo {
    /// Returns the address as text.
    #[must_use]
    pub fn ip_text(&self) -> String {
        self.ip.to_string()
    }

    /// Returns the key under which failures of this client are counted: the IPv4 address, or the /64 network of an
    /// IPv6 address. A subscriber usually controls a whole /64 (RFC 6177).
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

    /// Returns the networks under which failures of this client are counted, from narrow to wide: the IPv4 address, or the
    /// /64, /56 and /48 networks of an IPv6 address, which are the usual sizes of an assignment (RFC 6177).
    #[must_use]
    pub fn networks(&self) -> Vec<IpNet> {
        match self.ip {
            IpAddr::V4(_) => vec![IpNet::from(self.ip)],
            IpAddr::V6(ip) => [64, 56, 48]
                .into_iter()
                .filter_map(|length| Some(Ipv6Net::new(ip, length).ok()?.trunc().into()))
                .collect(),
        }
    }
}
