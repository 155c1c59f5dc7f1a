//! The program of a caller, from its user agent. Names and versions are short: a client can send any text.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Maximum length of a name or a version, in characters.
const PART_MAX: usize = 40;

/// Products of browsers, the more specific first: the user agent of each also names later ones.
const BROWSERS: [&str; 5] = ["Edg/", "OPR/", "Firefox/", "Chrome/", "Version/"];

/// The prefix of the program of a use by introspection. What follows is a name.
const INTROSPECTION: &str = "introspection/";

/// Returns product and version of a user agent: of its first product, or of the browser that it names.
pub(super) fn product_and_version(agent: &str) -> String {
    if agent.starts_with(INTROSPECTION) {
        return agent.chars().take(2 * PART_MAX).collect();
    }
    let mut words = agent.split_whitespace();
    let first = words.next().unwrap_or_default();
    let product = if first.starts_with("Mozilla/") {
        BROWSERS.iter().find_map(|name| agent.split_whitespace().find(|word| word.starts_with(name))).unwrap_or(first)
    } else {
        first
    };
    let (name, version) = product.split_once('/').unwrap_or((product, ""));
    let name: String = name.chars().take(PART_MAX).collect();
    let version: String =
        version.chars().take_while(|c| c.is_ascii_alphanumeric() || ".+-_".contains(*c)).take(PART_MAX).collect();
    if version.is_empty() { name } else { format!("{name}/{version}") }
}

/// Returns the name of a program without its version.
pub(super) fn product(program: &str) -> &str {
    if program.starts_with(INTROSPECTION) { program } else { program.split('/').next().unwrap_or_default() }
}

/// Returns the network of an address: the /24 of an IPv4 address, the /48 of an IPv6 address. Servers of one cloud customer
/// often share it, and it rarely changes.
pub(super) fn network(ip: IpAddr) -> IpNet {
    let net = match ip {
        IpAddr::V4(ip) => Ipv4Net::new(ip, 24).map(IpNet::from),
        IpAddr::V6(ip) => Ipv6Net::new(ip, 48).map(IpNet::from),
    };
    net.map_or(IpNet::from(ip), |net| net.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_agent_is_reduced_to_product_and_version() {
        let chrome =
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
        for (agent, program) in [
            ("curl/8.5.0 (x86)", "curl/8.5.0"),
            ("python-requests/2.32.3", "python-requests/2.32.3"),
            ("Go-http-client/2.0 a made-up comment", "Go-http-client/2.0"),
            ("Wget", "Wget"),
            ("tool/1.0;nonce=77", "tool/1.0"),
            (chrome, "Chrome/142.0.0.0"),
            (&format!("{chrome} Edg/142.0"), "Edg/142.0"),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox/145.0"),
            ("Mozilla/5.0 (unknown)", "Mozilla/5.0"),
            ("introspection/Report server", "introspection/Report server"),
            ("", ""),
        ] {
            assert_eq!(product_and_version(agent), program, "{agent}");
        }
        assert_eq!(product_and_version(&"x".repeat(200)).len(), PART_MAX);
        assert_eq!(product("curl/8.5.0"), "curl");
        assert_eq!(product("introspection/a"), "introspection/a");
    }

    #[test]
    fn the_network_of_an_address_is_that_of_its_neighbours() {
        for (ip, net) in [("203.0.113.7", "203.0.113.0/24"), ("2001:db8:1:2::9", "2001:db8:1::/48")] {
            assert_eq!(network(ip.parse().unwrap()).to_string(), net);
        }
    }
}
