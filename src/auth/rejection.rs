//! Why a caller is rejected.

use crate::auth::mistake::{SchemeMistake, ValueMistake};
use crate::base::clock::Timestamp;
use crate::db::ids::ValueId;
use crate::tokens::model::EndReason;

/// The authentication scheme of a request. It selects the response format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthScheme {
    /// RFC 6750. Also the default for a missing header and for any other scheme.
    Bearer,
    /// RapidPro's `Token`.
    Token,
    /// RapidPro's `Basic`, with an email address and a value.
    Basic,
}

/// Reason for a rejection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RejectionReason {
    /// No credentials, or an unsupported scheme.
    MissingCredentials,
    /// No supported scheme, because of this mistake.
    MalformedScheme(SchemeMistake),
    /// A scheme without credentials.
    EmptyCredentials,
    /// A value with spaces.
    ContainsSpaces,
    /// Not UTF-8 text.
    InvalidUtf8,
    /// Basic credentials that are not valid base64.
    InvalidBase64,
    /// Basic credentials that are valid base64, but not of UTF-8 text.
    InvalidBasicText,
    /// More than one Authorization header.
    DuplicateHeader,
    /// Not of the form of a value, because of this mistake.
    MalformedValue(ValueMistake),
    /// Not a known value, or its user is deactivated or is no longer a member.
    UnknownToken,
    /// Basic credentials whose email address is not the owner's.
    EmailMismatch,
    /// A known value that ended at this time; the reason is `None` if it expired.
    Ended { reason: Option<EndReason>, at: Timestamp, value: ValueId },
    /// A role that may not use the API.
    RoleNotAllowed,
}

/// A rejected request: the reason and the scheme of the response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The scheme of the request.
    pub scheme: AuthScheme,
    /// The reason.
    pub reason: RejectionReason,
}
