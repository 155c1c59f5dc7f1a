//! Creation of a token.

use crate::audit::event::EventKind;
use crate::base::client_info::ClientInfo;
use crate::base::id::PublicId;
use crate::db::{DbConnection, DbError, FromDb};
use crate::tokens::model::{MAX_TOKENS, NewToken, TokenName, TokenOwner, audit_event};
use crate::tokens::store;
use crate::workspaces::store::lock_membership;

/// Reason why a token was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The owner is no longer a member, or has a role without tokens.
    #[error("not an administrator or editor of this workspace")]
    NotAllowed,
    /// The member already has [`MAX_TOKENS`] tokens.
    #[error("You can have a maximum of 3 tokens")]
    LimitReached,
    /// Another token of the member has this name.
    #[error("there is a token with this name already")]
    NameTaken,
    /// This form already created a token: its identifier and name.
    #[error("this form was sent before, and made the token {}", .1.as_str())]
    AlreadyCreated(PublicId, TokenName),
    /// The form's key was already used by another membership.
    #[error("this form is not good any more")]
    StaleForm,
    /// A query failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl FromDb for CreateError {
    fn as_db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) => Some(error),
            Self::NotAllowed | Self::LimitReached | Self::NameTaken | Self::AlreadyCreated(..) | Self::StaleForm => {
                None
            }
        }
    }
}

/// Creates a token in the lowest free slot, in the caller's transaction.
pub fn create(
    conn: &mut DbConnection,
    owner: &TokenOwner,
    new: &NewToken,
    client: Option<&ClientInfo>,
) -> Result<(), CreateError> {
    if !lock_membership(conn, owner.membership)?.is_some_and(crate::workspaces::profile::Role::can_have_tokens) {
        return Err(CreateError::NotAllowed);
    }
    if let Some(form_key) = &new.form_key {
        match store::find_by_idempotency_key(conn, form_key)? {
            Some((membership, uuid, name)) if membership == owner.membership => {
                return Err(CreateError::AlreadyCreated(uuid, name));
            }
            Some(_) => return Err(CreateError::StaleForm),
            None => {}
        }
    }
    let live = store::slots_and_names(conn, owner.membership)?;
    if live.len() >= MAX_TOKENS {
        return Err(CreateError::LimitReached);
    }
    let key = new.name.case_folded();
    if live.iter().any(|(_, taken)| *taken == key) {
        return Err(CreateError::NameTaken);
    }
    let slot = (1..=3).find(|slot| live.iter().all(|(taken, _)| taken != slot)).ok_or(CreateError::LimitReached)?;
    store::insert_token(conn, owner.membership, slot, new)?;
    Ok(audit_event(owner, &new.uuid, &new.name, client, new.at, EventKind::TokenCreated).record(conn)?)
}
