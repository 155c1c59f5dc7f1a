//! The queries of links. What works and what does not is decided here, in one place.

use diesel::prelude::*;

use crate::accounts::one_time_links::{CodeDigest, Link, LinkDetails, NewLink, Purpose};
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::base::text::DisplayName;
use crate::db::schema::one_time_links as links;
use crate::db::schema::one_time_links::table;
use crate::db::{DbConnection, DbError};

crate::columns! {
    /// The columns of a [`Link`], in the order of [`LinkRow`].
    LINK: LinkColumns = (
        links::uuid,
        links::workspace,
        links::role,
        links::note,
        links::user_uuid,
        links::created_by,
        links::created_at,
        links::expires_at,
    )
}

/// A [`Link`] as it comes from the database.
pub(crate) type LinkRow = (
    PublicId,
    Option<PublicId>,
    Option<String>,
    Option<DisplayName>,
    Option<PublicId>,
    Option<PublicId>,
    Timestamp,
    Timestamp,
);

impl From<LinkRow> for Link {
    fn from((uuid, workspace, role, note, user, created_by, created_at, expires_at): LinkRow) -> Self {
        Self { uuid, workspace, role, note, user, created_by, created_at, expires_at }
    }
}

/// Makes a link.
pub fn insert(conn: &mut DbConnection, new: &NewLink) -> Result<(), DbError> {
    let LinkDetails { workspace, role, note, user, created_by, form_key } = &new.about;
    diesel::insert_into(table)
        .values((
            links::digest.eq(&new.digest.0[..]),
            links::uuid.eq(new.uuid.as_str()),
            links::purpose.eq(new.purpose.as_str()),
            links::workspace.eq(workspace.as_ref().map(PublicId::as_str)),
            links::role.eq(*role),
            links::note.eq(note.as_ref().map(DisplayName::as_str)),
            links::user_uuid.eq(user.as_ref().map(PublicId::as_str)),
            links::created_by.eq(created_by.as_ref().map(PublicId::as_str)),
            links::form_key.eq(form_key.as_deref()),
            links::created_at.eq(new.at.micros()),
            links::expires_at.eq(new.expires_at().micros()),
        ))
        .execute(conn)?;
    Ok(())
}

/// The link of this purpose with this code, if it works.
pub fn find(
    conn: &mut DbConnection,
    purpose: Purpose,
    digest: &CodeDigest,
    now: Timestamp,
) -> Result<Option<Link>, DbError> {
    let row = table
        .filter(links::digest.eq(&digest.0[..]))
        .filter(links::purpose.eq(purpose.as_str()))
        .filter(links::used_at.is_null())
        .filter(links::expires_at.gt(now.micros()))
        .select(LINK)
        .get_result::<LinkRow>(conn)
        .optional()?;
    Ok(row.map(Link::from))
}

/// Uses the link up; `false` if it does not work any more. One UPDATE: of two people at the same moment, one is first.
pub fn consume(
    conn: &mut DbConnection,
    purpose: Purpose,
    digest: &CodeDigest,
    now: Timestamp,
) -> Result<bool, DbError> {
    let works = table
        .filter(links::digest.eq(&digest.0[..]))
        .filter(links::purpose.eq(purpose.as_str()))
        .filter(links::used_at.is_null())
        .filter(links::expires_at.gt(now.micros()));
    Ok(diesel::update(works).set(links::used_at.eq(now.micros())).execute(conn)? == 1)
}

/// Forgets links that have expired, used or not. Returns how many.
pub fn purge(conn: &mut DbConnection, now: Timestamp) -> Result<usize, DbError> {
    Ok(diesel::delete(table.filter(links::expires_at.le(now.micros()))).execute(conn)?)
}

/// Forgets the links by which this user could still have set a new password.
pub fn delete_reset_links(conn: &mut DbConnection, user: &PublicId) -> Result<(), DbError> {
    let theirs = table
        .filter(links::purpose.eq(Purpose::Reset.as_str()))
        .filter(links::user_uuid.eq(user.as_str()))
        .filter(links::used_at.is_null());
    diesel::delete(theirs).execute(conn)?;
    Ok(())
}
