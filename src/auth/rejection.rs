//! Why a caller is rejected.

use crate::base::clock::Timestamp;
use crate::db::ids::ValueId;
use crate::tokens::model::EndReason;

/// The style in which a caller asks, and wants to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthScheme {
    /// RFC 6750; also where nothing, or another scheme, was sent.
    Bearer,
    /// RapidPro's `Token`.
    Token,
    /// RapidPro's `Basic`, with an e-mail address and a value.
    Basic,
}

/// Why somebody is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RejectionReason {
    /// No credentials, or a scheme of somebody else's.
    MissingCredentials,
    /// A scheme, and nothing after it.
    EmptyCredentials,
    /// A value with spaces.
    ContainsSpaces,
    /// Not UTF-8 text.
    InvalidUtf8,
    /// Basic, and not base64.
    InvalidBase64,
    /// More than one Authorization header.
    DuplicateHeader,
    /// No value of ours; or its user is deactivated.
    UnknownToken,
    /// Basic, and the value is another address's.
    EmailMismatch,
    /// A true value that stopped at this moment; `None` for its expiry.
    Ended(Option<EndReason>, Timestamp, ValueId),
    /// A role that may not use the API.
    RoleNotAllowed,
}

/// Why somebody is not let in, and how to tell them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// How.
    pub style: AuthScheme,
    /// Why.
    pub reason: RejectionReason,
}
