//! Why a caller is rejected.

use crate::auth::credentials::Style;
use crate::base::clock::Timestamp;
use crate::db::ids::ValueKey;
use crate::tokens::model::End;

/// Why somebody is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// No credentials, or a scheme of somebody else's.
    Missing,
    /// A scheme, and nothing after it.
    NoValue,
    /// A value with spaces.
    Spaces,
    /// Not UTF-8 text.
    NotText,
    /// Basic, and not base64.
    NotBase64,
    /// More than one Authorization header.
    Twice,
    /// No value of ours; or its user is deactivated.
    Unknown,
    /// Basic, and the value is another address's.
    OtherEmail,
    /// A true value that stopped at this moment; `None` for its expiry.
    Ended(Option<End>, Timestamp, ValueKey),
    /// A role that may not use the API.
    Role,
}

/// Why somebody is not let in, and how to tell them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// How.
    pub style: Style,
    /// Why.
    pub reason: Reason,
}
