//! The filter of the log.

/// The default. actix-http logs a request that is not HTTP, as a port scan sends it, as an error.
const DEFAULT: &str = "info,actix_server=warn,actix_http::h1::dispatcher=off";

/// Directives of the form `LEVEL` or `TARGET=LEVEL`, separated by commas. `env_logger` takes an unknown level for a target,
/// and then logs nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogFilter(String);

impl LogFilter {
    /// The directives, in `env_logger`'s form.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for LogFilter {
    fn default() -> Self {
        Self(DEFAULT.to_owned())
    }
}

impl std::fmt::Display for LogFilter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for LogFilter {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let is_target = |target: &str| {
            !target.is_empty() && target.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_:-".contains(&byte))
        };
        let is_directive = |directive: &str| {
            let (target, level) =
                directive.split_once('=').map_or((None, directive), |(target, level)| (Some(target), level));
            level.parse::<log::LevelFilter>().is_ok() && target.is_none_or(is_target)
        };
        if text.split(',').all(|directive| is_directive(directive.trim())) {
            return Ok(Self(text.to_owned()));
        }
        Err("must be error, warn, info, debug, trace or off, or TARGET=LEVEL; several with commas".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_level_is_rejected() {
        for good in ["info", "WARN", "off", "warn, latchkey::access=info", "info,actix_server=off", DEFAULT] {
            assert!(good.parse::<LogFilter>().is_ok(), "{good}");
        }
        for bad in [
            "",
            " ",
            "warning",
            "\"info\"",
            "info;debug",
            "latchkey",
            "latchkey=",
            "=info",
            "latchkey=warning",
            "info,",
        ] {
            assert!(bad.parse::<LogFilter>().is_err(), "{bad}");
        }
    }
}
