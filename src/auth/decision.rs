//! Authorization of a token record: the result is a caller or one rejection reason. This module builds no HTTP
//! responses.

use crate::auth::caller::{Caller, TokenRecord};
use crate::auth::credentials::Credentials;
use crate::auth::rejection::{Rejection, RejectionReason};
use crate::base::clock::Timestamp;

/// Returns the caller if the record allows API access with these credentials, or the rejection.
pub(crate) fn authorize(
    found: Option<TokenRecord>,
    presented: &Credentials,
    now: Timestamp,
) -> Result<Caller, Rejection> {
    check(found, presented, now).map_err(|reason| Rejection { style: presented.style, reason })
}

fn check(found: Option<TokenRecord>, presented: &Credentials, now: Timestamp) -> Result<Caller, RejectionReason> {
    let TokenRecord { caller, end, is_member } = found.ok_or(RejectionReason::UnknownToken)?;
    if !presented.matches_email(&caller.user.email) {
        return Err(RejectionReason::EmailMismatch);
    }
    if let Some(at) = caller.ends_at.filter(|at| *at <= now) {
        return Err(RejectionReason::Ended(end, at, caller.value));
    }
    if !is_member || !caller.user.is_active {
        return Err(RejectionReason::UnknownToken);
    }
    if !caller.role.can_have_tokens() {
        return Err(RejectionReason::RoleNotAllowed);
    }
    Ok(caller)
}
