//! The door of the API, one a worker: from what is presented to the caller, as things stand at this moment.
//!
//! What a lookup found is remembered: for many values where they lead, which is all that most requests need, and for few
//! who their callers are. Each request first asks for the epoch, which costs less than the lookup, and believes only what
//! was found in it. On `SQLite` it asks, and looks up, right here, on a connection of the worker's own. On `PostgreSQL` those
//! who wait are asked for together.

use std::rc::Rc;
use std::sync::Arc;

use actix_web::HttpRequest;

use crate::auth::batcher::Lookups;
use crate::auth::cache::Pass;
use crate::auth::caller::Caller;
use crate::auth::credentials::Presented;
use crate::auth::decision::{self, judge};
use crate::auth::look::Looks;
use crate::auth::rejection::{Reason, Refusal};
use crate::auth::store;
use crate::auth::token_cache::{Behind, Passes, Shared, pass_to};
use crate::base::client_info::Client;
use crate::base::clock::Timestamp;
use crate::db::{Conn, DbError, Epoch};
use crate::usage::Uses;
use crate::web::app_state::App;

/// What a worker needs to let callers in. To be let in is what counts as a use of a value.
pub struct Door {
    app: App,
    uses: Uses,
    passes: Passes,
    way: Way,
}

/// To the database.
enum Way {
    /// So near that the lookup is made here.
    Near(Rc<Looks>),
    /// By a connection that others use too.
    Far(Rc<Lookups>),
}

/// Let in, refused, or nobody can say.
pub type Verdict<T> = Result<Result<Arc<T>, Refusal>, DbError>;

impl Door {
    /// A worker's door, which shares this with the doors of the other workers.
    #[must_use]
    pub fn new(app: &App, uses: Uses, shared: Shared) -> Self {
        let near = app.db.near().unwrap_or_else(|error| {
            log::warn!("a worker has no connection of its own and uses the others: {error}");
            None
        });
        let way = near.map_or_else(|| Way::Far(Lookups::new(app.db.clone())), |near| Way::Near(Looks::new(near)));
        Self { app: app.clone(), uses, passes: Passes::new(shared), way }
    }

    /// Who sends a request.
    #[must_use]
    pub fn client(&self, request: &HttpRequest) -> Client {
        Client::of(request, &self.app.site.trusted_proxies)
    }

    /// Finds what is behind what was presented, and notes the use, or the try of a value that has ended.
    pub async fn enter<T: Behind>(&self, presented: Presented, client: Client) -> Verdict<T> {
        let pass = self.find(&presented).await?;
        Ok(self.note(pass, client))
    }

    async fn find<T: Behind>(&self, presented: &Presented) -> Result<Result<Pass<Arc<T>>, Refusal>, DbError> {
        // The epoch before the lookup: a commit between the two makes the memory older than it is, never younger.
        let (epoch, found) = match &self.way {
            Way::Near(looks) => {
                let epoch = looks.epoch().await?;
                if let Some(pass) = self.recall(presented, epoch) {
                    return Ok(Ok(pass));
                }
                (epoch, looks.read(|conn| store::find_by_digest(conn, presented.digest()))?)
            }
            Way::Far(lookups) => {
                // Only what is likely to be recalled is worth a way for the epoch alone.
                if lookups.seen().is_some_and(|seen| self.recall::<T>(presented, seen).is_some()) {
                    let epoch = lookups.epoch().await?;
                    if let Some(pass) = self.recall(presented, epoch) {
                        return Ok(Ok(pass));
                    }
                }
                let (epoch, found) = lookups.find(presented.digest()).await?;
                (epoch, found.map(Arc::unwrap_or_clone))
            }
        };
        Ok(decision::judge(found, presented, self.app.clock.now()).map(|caller| {
            let caller = Arc::new(caller);
            T::keep(&self.passes, presented.digest(), epoch, &caller);
            pass_to(&caller).map(|caller| T::of(&caller))
        }))
    }

    /// What is remembered, if it was found in this epoch and holds still.
    fn recall<T: Behind>(&self, presented: &Presented, epoch: Epoch) -> Option<Pass<Arc<T>>> {
        let now = self.app.clock.now();
        T::recall(&self.passes, presented, epoch).filter(|pass| now < pass.until)
    }

    fn note<T>(&self, pass: Result<Pass<Arc<T>>, Refusal>, client: Client) -> Result<Arc<T>, Refusal> {
        let now = self.app.clock.now();
        match &pass {
            Ok(pass) => self.uses.record(pass.value, client, now),
            Err(Refusal { reason: Reason::Ended(_, _, value), .. }) => self.uses.record_try(*value, client, now),
            Err(_) => {}
        }
        pass.map(|pass| pass.to)
    }
}

/// Finds the caller behind what was presented by a lookup of its own, for whoever has no door.
pub fn check(conn: &mut Conn, presented: &Presented, now: Timestamp) -> Result<Result<Caller, Refusal>, DbError> {
    let found = store::find_by_digest(conn, &presented.digest)?;
    Ok(judge(found, presented, now))
}
