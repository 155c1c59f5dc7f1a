//! Settings of the server.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use zeroize::Zeroizing;

use crate::base::public_url::PublicUrl;
use crate::config::error::ConfigError;
use crate::config::secret_file::{self, SecretFile};

/// Settings of the server.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ServerArgs {
    /// Address and port to listen on; port 0 selects a free port, and :8080 listens on all IPv4 addresses
    #[arg(long, env = "LATCHKEY_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS:PORT",
          value_parser = listen_address)]
    pub listen: SocketAddr,

    /// URL under which browsers and tools reach the server, like <https://tokens.example> [default: http:// and the listen
    /// address]
    #[arg(long, env = "LATCHKEY_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<PublicUrl>,

    /// Proxies whose X-Forwarded-For is used as the client address: addresses or networks like 10.0.0.0/8, separated by
    /// commas
    #[arg(long, env = "LATCHKEY_TRUSTED_PROXIES", value_name = "NETWORK", value_delimiter = ',', value_parser = network)]
    pub trusted_proxies: Vec<ipnet::IpNet>,

    /// Allow an http public URL beyond loopback. Passwords and tokens cross the network in clear text, and browsers refuse
    /// the copy button
    #[arg(long, env = "LATCHKEY_ALLOW_INSECURE_HTTP")]
    pub allow_insecure_http: bool,

    /// Maximum number of API requests per workspace, like 3600/hour (second, minute, hour or day) [default: no limit]
    #[arg(long, env = "LATCHKEY_API_RATE", value_name = "N/PERIOD")]
    pub api_rate: Option<ApiRate>,

    /// Allow a gateway to require a role without a workspace (/auth/verify?role=administrator) while there are several
    /// workspaces. An administrator of any workspace meets the requirement
    #[arg(long, env = "LATCHKEY_GATEWAY_ANY_WORKSPACE")]
    pub gateway_any_workspace: bool,

    /// Days to keep audit events
    #[arg(long, env = "LATCHKEY_KEEP_EVENTS", default_value_t = 400, value_name = "DAYS",
          value_parser = clap::value_parser!(u32).range(30..=36500))]
    pub keep_events: u32,

    /// A server that may introspect tokens (RFC 7662): its name and the file with its secret; several with commas
    #[arg(
        long = "introspection-client",
        env = "LATCHKEY_INTROSPECTION_CLIENTS",
        value_name = "NAME=FILE",
        value_delimiter = ','
    )]
    pub introspection_clients: Vec<SecretFile>,
}

/// A number of requests per second, minute, hour or day: `3600/hour`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiRate {
    /// Number of requests per period.
    pub count: u32,
    /// Length of the period.
    pub period: Duration,
}

impl std::str::FromStr for ApiRate {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let period = |unit: &str| match unit {
            "second" => Some(Duration::from_secs(1)),
            "minute" => Some(Duration::from_mins(1)),
            "hour" => Some(Duration::from_hours(1)),
            "day" => Some(Duration::from_hours(24)),
            _ => None,
        };
        text.trim()
            .split_once('/')
            .and_then(|(count, unit)| Some(Self { count: count.parse().ok()?, period: period(unit)? }))
            .filter(|rate| rate.count > 0)
            .ok_or_else(|| "must look like 3600/hour: a number, and second, minute, hour or day".to_owned())
    }
}

fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    let address = match text.rsplit_once(':') {
        Some(("", port)) => format!("0.0.0.0:{port}"),
        Some(("localhost", port)) => format!("127.0.0.1:{port}"),
        _ => text.to_owned(),
    };
    address.parse().map_err(|_| "must be an IP address and a port, like 127.0.0.1:8080, [::1]:8080 or :8080".to_owned())
}

fn network(text: &str) -> Result<ipnet::IpNet, String> {
    let text = text.trim();
    text.parse::<ipnet::IpNet>()
        .or_else(|_| text.parse::<std::net::IpAddr>().map(ipnet::IpNet::from))
        .map_err(|_| "is neither an address nor a network like 10.0.0.0/8".to_owned())
}

/// Minimum length of a client secret, in bytes.
const SECRET_MIN: usize = 16;

/// Maximum length of a client secret, in bytes.
const SECRET_MAX: usize = 1024;

impl ServerArgs {
    /// Returns the retention of audit events. It is at least 30 days: recent sign-ins exempt a user's known addresses
    /// from the lockout that other clients' failures cause.
    #[must_use]
    pub fn events_kept(&self) -> Duration {
        Duration::from_hours(24 * u64::from(self.keep_events))
    }

    /// Returns the public URL of a server that listens on `listening`.
    ///
    /// # Errors
    ///
    /// Returns an error if the URL is missing, or is not HTTPS and the settings do not allow that.
    pub fn public_url(&self, listening: SocketAddr) -> Result<PublicUrl, ConfigError> {
        let url = match &self.public_url {
            Some(url) => url.clone(),
            None if listening.ip().is_loopback() => {
                format!("http://{listening}").parse().map_err(|_| ConfigError::NoPublicUrl(listening))?
            }
            None => return Err(ConfigError::NoPublicUrl(listening)),
        };
        if url.is_https() || url.is_loopback() || self.allow_insecure_http {
            Ok(url)
        } else {
            Err(ConfigError::Insecure(url.origin()))
        }
    }

    /// Reads the introspection clients' secrets from their files and returns them with the clients' names.
    ///
    /// # Errors
    ///
    /// Returns an error if a name is duplicate, or a secret is missing or invalid.
    pub fn introspection_secrets(&self) -> Result<Vec<(String, Zeroizing<String>)>, ConfigError> {
        let mut secrets: Vec<(String, Zeroizing<String>)> = Vec::new();
        for SecretFile { name, file } in &self.introspection_clients {
            let invalid = |reason: String| ConfigError::Secret(name.clone(), file.clone(), reason);
            if secrets.iter().any(|(other, _)| other == name) {
                return Err(invalid("the name is used twice".to_owned()));
            }
            let secret = secret_file::read(file).map_err(invalid)?;
            if !(SECRET_MIN..=SECRET_MAX).contains(&secret.len()) {
                return Err(invalid(format!("the secret must be {SECRET_MIN} to {SECRET_MAX} characters long")));
            }
            secrets.push((name.clone(), secret));
        }
        Ok(secrets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(public_url: Option<&str>, allow_insecure_http: bool) -> ServerArgs {
        ServerArgs {
            listen: "127.0.0.1:0".parse().unwrap(),
            public_url: public_url.map(|url| url.parse().unwrap()),
            trusted_proxies: Vec::new(),
            allow_insecure_http,
            api_rate: None,
            gateway_any_workspace: false,
            keep_events: 400,
            introspection_clients: Vec::new(),
        }
    }

    #[test]
    fn the_listen_address_may_lack_its_host() {
        let parse = |text: &str| listen_address(text).map(|address| address.to_string());
        for (text, address) in [
            (":8080", "0.0.0.0:8080"),
            ("localhost:8080", "127.0.0.1:8080"),
            (" 127.0.0.1:0 ", "127.0.0.1:0"),
            ("[::1]:80", "[::1]:80"),
        ] {
            assert_eq!(parse(text).unwrap(), address);
        }
        for bad in
            ["", ":", "8080", "localhost", "127.0.0.1", ":99999", "tokens.example:80", "::1:80x", "http://127.0.0.1:80"]
        {
            assert!(parse(bad).is_err_and(|message| message.contains("127.0.0.1:8080")), "{bad}");
        }
    }

    #[test]
    fn a_rate_is_a_number_and_a_period() {
        let hour = ApiRate { count: 3600, period: Duration::from_hours(1) };
        assert_eq!("3600/hour".parse(), Ok(hour));
        assert_eq!("5/second".parse::<ApiRate>().unwrap().period, Duration::from_secs(1));
        for bad in ["", "3600", "/hour", "0/hour", "-1/hour", "1.5/day", "10/week", "10/hours", "9999999999/day"] {
            assert!(bad.parse::<ApiRate>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_client_secret_is_one_long_line_in_a_file_that_others_cannot_read() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        let read = |names: &[&str]| {
            let clients = names.iter().map(|name| format!("{name}={}", file.display()).parse().unwrap()).collect();
            ServerArgs { introspection_clients: clients, ..settings(None, false) }.introspection_secrets()
        };
        let read_error = |names: &[&str]| read(names).unwrap_err().to_string();
        assert!(read_error(&["warehouse"]).contains("can't read the file"), "the file does not exist");
        for (content, mode, why) in [
            ("fifteen letters", 0o600, "must be 16 to 1024 characters"),
            ("", 0o600, "must be 16 to 1024 characters"),
            (&"x".repeat(1025), 0o600, "must be 16 to 1024 characters"),
            ("two lines that\nare both long enough", 0o600, "one line"),
            ("a secret of good length", 0o604, "other users"),
        ] {
            std::fs::write(&file, content).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            let line = read_error(&["warehouse"]);
            assert!(line.contains(why) && line.starts_with("--introspection-client warehouse=/"), "{line}");
            assert!(content.is_empty() || !line.contains(content), "{line}");
        }
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        for end in ["", "\n", "\r\n"] {
            std::fs::write(&file, format!("a secret of good length{end}")).unwrap();
            assert_eq!(read(&["warehouse"]).unwrap()[0].1.as_str(), "a secret of good length");
        }
        assert!(read_error(&["warehouse", "warehouse"]).contains("twice"));
        for bad in ["warehouse", "=file", "ware house=file", "warehouse=", "w:h=file"] {
            assert!(bad.parse::<SecretFile>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_a_loopback_address_has_a_default_public_url() {
        let (loopback, any_address) = ("127.0.0.1:8080".parse().unwrap(), "0.0.0.0:8080".parse().unwrap());
        assert_eq!(settings(None, false).public_url(loopback).unwrap().origin(), "http://127.0.0.1:8080");
        assert_eq!(settings(None, false).public_url(any_address), Err(ConfigError::NoPublicUrl(any_address)));
        assert_eq!(
            settings(Some("https://x.example"), false).public_url(any_address).unwrap().origin(),
            "https://x.example"
        );
    }

    #[test]
    fn http_with_a_remote_host_requires_the_insecure_flag() {
        let loopback = "127.0.0.1:8080".parse().unwrap();
        assert!(matches!(
            settings(Some("http://x.example"), false).public_url(loopback),
            Err(ConfigError::Insecure(_))
        ));
        assert!(settings(Some("http://x.example"), true).public_url(loopback).is_ok());
        assert!(settings(Some("http://localhost:8080"), false).public_url(loopback).is_ok());
    }
}
