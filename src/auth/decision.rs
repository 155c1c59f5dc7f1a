//! Authorization of a token record: the result is a caller or one rejection reason. This module builds no HTTP
//! responses.

use crate::auth::caller::{Caller, TokenRecord};
use crate::auth::credentials::Credentials;
use crate::auth::rejection::{Rejection, RejectionReason};
use crate::base::clock::Timestamp;

/// Returns the caller if the record allows API access with these credentials, or the rejection.
pub(crate) fn authorize(
    record: Option<TokenRecord>,
    credentials: &Credentials,
    now: Timestamp,
) -> Result<Caller, Rejection> {
    check(record, credentials, now).map_err(|reason| Rejection { scheme: credentials.scheme, reason })
}

fn check(record: Option<TokenRecord>, credentials: &Credentials, now: Timestamp) -> Result<Caller, RejectionReason> {
    let record = record.ok_or(RejectionReason::UnknownToken)?;
    let end = record.end(now);
    let TokenRecord { caller, is_member, .. } = record;
    if !credentials.matches_email(&caller.user.email) {
        return Err(RejectionReason::EmailMismatch);
    }
    if let Some((reason, at)) = end {
        return Err(RejectionReason::Ended { reason, at, value: caller.value });
    }
    if !is_member || !caller.user.is_active {
        return Err(RejectionReason::UnknownToken);
    }
    if !caller.role.can_have_tokens() {
        return Err(RejectionReason::RoleNotAllowed);
    }
    Ok(caller)
}
