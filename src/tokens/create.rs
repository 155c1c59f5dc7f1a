//! Creation of a token.

use crate::audit::actor::Actor;
use crate::audit::event::EventKind;
use crate::base::id::PublicId;
use crate::base::text::case_fold;
use crate::db::{DbConnection, DbError};
use crate::tokens::model::{MAX_TOKENS, NewToken, TokenName, TokenOwner, audit_event};
use crate::tokens::store;
use crate::workspaces::model::Role;
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
    #[error("a token with this name already exists")]
    NameTaken,
    /// This form already created a token: its identifier and name.
    #[error("this form was already sent and created the token {1}")]
    AlreadyCreated(PublicId, TokenName),
    /// The form's key was already used by another membership.
    #[error("this form is no longer valid")]
    StaleForm,
    #[error("{0}")]
    Db(#[from] DbError),
}

/// Creates a token in the lowest free slot, in the caller's transaction.
pub fn create(conn: &mut DbConnection, owner: &TokenOwner, new: &NewToken, actor: &Actor) -> Result<(), CreateError> {
    if !lock_membership(conn, owner.membership)?.is_some_and(Role::can_have_tokens) {
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
    // Version 0.1.0 stored keys that are not normalized.
    if live.iter().any(|(_, taken)| case_fold(taken) == key) {
        return Err(CreateError::NameTaken);
    }
    let slot = (1..=3).find(|slot| live.iter().all(|(taken, _)| taken != slot)).ok_or(CreateError::LimitReached)?;
    store::insert_token(conn, owner.membership, slot, new)?;
    Ok(audit_event(actor, owner, &new.uuid, &new.name, EventKind::TokenCreated).record(conn)?)
}
