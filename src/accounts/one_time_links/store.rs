//! Queries of one-time links. Only this file decides whether a link is valid.

use std::time::Duration;

use diesel::prelude::*;

use crate::accounts::model::EmailAddress;
use crate::accounts::one_time_links::{CodeDigest, Link, LinkDetails, NewLink, Purpose};
use crate::base::clock::{MAX_CLOCK_SKEW, Timestamp};
use crate::base::id::PublicId;
use crate::base::text::DisplayName;
use crate::db::schema::one_time_links as links;
use crate::db::schema::one_time_links::table;
use crate::db::{DbConnection, DbError};

crate::impl_select! {
    /// The columns of a [`Link`].
    LINK: Link {
        uuid: PublicId = links::uuid,
        workspace: Option<PublicId> = links::workspace,
        role: Option<String> = links::role,
        note: Option<DisplayName> = links::note,
        email: Option<EmailAddress> = links::email,
        user: Option<PublicId> = links::user_uuid,
        created_by: Option<PublicId> = links::created_by,
        created_at: Timestamp = links::created_at,
        expires_at: Timestamp = links::expires_at,
    }
}

/// Inserts a link.
pub(crate) fn insert(conn: &mut DbConnection, new: &NewLink) -> Result<(), DbError> {
    let LinkDetails { workspace, role, note, email, user, created_by, form_key } = &new.details;
    diesel::insert_into(table)
        .values((
            links::digest.eq(&new.digest.0[..]),
            links::uuid.eq(new.uuid.as_str()),
            links::purpose.eq(new.purpose.as_str()),
            links::workspace.eq(workspace.as_ref().map(PublicId::as_str)),
            links::role.eq(*role),
            links::note.eq(note.as_ref().map(DisplayName::as_str)),
            links::email.eq(email.as_ref().map(EmailAddress::as_str)),
            links::search_text.eq(search_text(note.as_ref(), email.as_ref())),
            links::user_uuid.eq(user.as_ref().map(PublicId::as_str)),
            links::created_by.eq(created_by.as_ref().map(PublicId::as_str)),
            links::form_key.eq(form_key.as_deref()),
            links::created_at.eq(new.at.micros()),
            links::expires_at.eq(new.expires_at().micros()),
        ))
        .execute(conn)?;
    Ok(())
}

/// Returns the text by which a list of links is searched.
fn search_text(note: Option<&DisplayName>, email: Option<&EmailAddress>) -> String {
    let (note, email) = (note.map(DisplayName::case_folded), email.map(EmailAddress::case_folded));
    format!("{} {}", note.unwrap_or_default(), email.unwrap_or_default())
}

/// Finds the valid link with this purpose and code.
pub(crate) fn find(
    conn: &mut DbConnection,
    purpose: Purpose,
    digest: &CodeDigest,
    now: Timestamp,
) -> Result<Option<Link>, DbError> {
    Ok(table
        .filter(links::digest.eq(&digest.0[..]))
        .filter(links::purpose.eq(purpose.as_str()))
        .filter(links::used_at.is_null())
        .filter(links::expires_at.gt(now.micros()))
        .filter(links::created_at.le((now + MAX_CLOCK_SKEW).micros()))
        .select(LINK)
        .get_result(conn)
        .optional()?)
}

/// Marks a valid link as used. Returns `false` if there is none. It is one UPDATE, so of several concurrent requests one
/// succeeds.
pub(crate) fn consume(
    conn: &mut DbConnection,
    purpose: Purpose,
    digest: &CodeDigest,
    now: Timestamp,
) -> Result<bool, DbError> {
    let valid = table
        .filter(links::digest.eq(&digest.0[..]))
        .filter(links::purpose.eq(purpose.as_str()))
        .filter(links::used_at.is_null())
        .filter(links::expires_at.gt(now.micros()))
        .filter(links::created_at.le((now + MAX_CLOCK_SKEW).micros()));
    Ok(diesel::update(valid).set(links::used_at.eq(now.micros())).execute(conn)? == 1)
}

/// Time for which an expired link stays: a clock that is ahead for days deletes none.
pub(crate) const EXPIRED_RETENTION: Duration = Duration::from_hours(7 * 24);

/// Counts the links, or those that expired before `before`.
pub(crate) fn count_expired(conn: &mut DbConnection, before: Option<Timestamp>) -> Result<i64, DbError> {
    let before = before.map_or(i64::MAX, Timestamp::micros);
    Ok(table.filter(links::expires_at.lt(before)).count().get_result(conn)?)
}

/// Deletes the oldest links that expired before `before`, used or not, at most `limit`. Returns their number.
pub(crate) fn purge(conn: &mut DbConnection, before: Timestamp, limit: i64) -> Result<usize, DbError> {
    let oldest = table.filter(links::expires_at.lt(before.micros())).order(links::expires_at).limit(limit);
    let digests = oldest.select(links::digest).load::<Vec<u8>>(conn)?;
    let mut deleted = 0;
    for digests in digests.chunks(1000) {
        deleted += diesel::delete(table.filter(links::digest.eq_any(digests))).execute(conn)?;
    }
    Ok(deleted)
}

/// Returns whether an invitation to this workspace was created, and was not revoked or purged.
pub(crate) fn has_invitation(conn: &mut DbConnection, workspace: &PublicId) -> Result<bool, DbError> {
    let invitations =
        table.filter(links::purpose.eq(Purpose::Invitation.as_str())).filter(links::workspace.eq(workspace.as_str()));
    Ok(invitations.select(links::uuid).first::<String>(conn).optional()?.is_some())
}

/// Returns whether a link was created with the form key of this one.
pub(crate) fn form_key_exists(conn: &mut DbConnection, link: &NewLink) -> Result<bool, DbError> {
    let Some(form_key) = &link.details.form_key else { return Ok(false) };
    Ok(table.filter(links::form_key.eq(form_key)).select(links::uuid).first::<String>(conn).optional()?.is_some())
}

/// Deletes the unused password reset links that this user created for others.
pub(crate) fn delete_reset_links_by(conn: &mut DbConnection, creator: &PublicId) -> Result<(), DbError> {
    let unused = table
        .filter(links::purpose.eq(Purpose::Reset.as_str()))
        .filter(links::created_by.eq(creator.as_str()))
        .filter(links::used_at.is_null());
    diesel::delete(unused).execute(conn)?;
    Ok(())
}

/// Deletes the user's unused password reset links.
pub(crate) fn delete_reset_links(conn: &mut DbConnection, user: &PublicId) -> Result<(), DbError> {
    let unused = table
        .filter(links::purpose.eq(Purpose::Reset.as_str()))
        .filter(links::user_uuid.eq(user.as_str()))
        .filter(links::used_at.is_null());
    diesel::delete(unused).execute(conn)?;
    Ok(())
}

/// Deletes the unused invitations that this user created. Returns their identifiers and workspaces.
pub(crate) fn delete_invitations_by(
    conn: &mut DbConnection,
    creator: &PublicId,
) -> Result<Vec<(PublicId, Option<PublicId>)>, DbError> {
    let unused = table
        .filter(links::purpose.eq(Purpose::Invitation.as_str()))
        .filter(links::created_by.eq(creator.as_str()))
        .filter(links::used_at.is_null());
    Ok(diesel::delete(unused).returning((links::uuid, links::workspace)).get_results(conn)?)
}
