//! The door of the API, one a worker: from what is presented to the caller, as things stand at this moment.
//!
//! On `SQLite` the lookup is made right here, on a connection of the worker's own, and what it found is remembered: for
//! many values where they lead, which is all that most requests need, and for few who their callers are. Each request
//! first asks for the epoch, which costs less than the lookup, and believes only what was found in it. On `PostgreSQL` nothing
//! is remembered: those who wait are looked up together.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::HttpRequest;

use super::look::Looks;
use super::lookups::Lookups;
use super::memory::{Memory, Pass};
use super::store;
use super::uses::Uses;
use super::verify::{self, Caller, Presented, Reason, Refusal};
use crate::kernel::app::App;
use crate::kernel::clock::Timestamp;
use crate::kernel::db::DbError;
use crate::kernel::web::client::Client;
use crate::workspaces::Workspace;
use crate::workspaces::store::WorkspaceKey;

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
    /// A worker's door. The passes are shared with the doors of the other workers.
    #[must_use]
    pub fn new(app: &App, uses: Uses, passes: Passes) -> Self {
        let near = app.db.near().unwrap_or_else(|error| {
            log::warn!("a worker has no connection of its own and uses the others: {error}");
            None
        });
        let way = near.map_or_else(|| Way::Far(Lookups::new(app.db.clone())), |near| Way::Near(Looks::new(near)));
        Self { app: app.clone(), uses, passes, way }
    }

    /// Who sends a request.
    #[must_use]
    pub fn client(&self, request: &HttpRequest) -> Client {
        Client::of(request, &self.app.site.trusted_proxies)
    }

    /// Finds what is behind what was presented, and notes the use, or the try of a value that has ended.
    pub async fn enter<T: Behind>(&self, presented: Presented, client: Client) -> Verdict<T> {
        let pass = match &self.way {
            Way::Near(looks) => self.find_here(looks, &presented).await?,
            Way::Far(lookups) => self.find_there(lookups, &presented).await?,
        };
        Ok(self.note(pass, client))
    }

    async fn find_here<T: Behind>(
        &self,
        looks: &Rc<Looks>,
        presented: &Presented,
    ) -> Result<Result<Pass<T>, Refusal>, DbError> {
        // Before the lookup: a commit between the two makes the memory older than it is, never younger.
        let epoch = looks.epoch().await?;
        let (memory, now) = (T::memory(&self.passes), self.app.clock.now());
        if let Some(pass) = memory.recall(presented.digest(), epoch)
            && now < pass.until
            && pass.to.is_for(presented)
        {
            return Ok(Ok(pass));
        }
        let found = looks.read(|conn| store::find_by_digest(conn, presented.digest()))?;
        Ok(verify::judge(found, presented, now).map(|mut caller| {
            caller.workspace = self.passes.only_copy(caller.workspace);
            let pass = pass(&Arc::new(caller));
            memory.keep(presented.digest(), epoch, &pass);
            pass
        }))
    }

    async fn find_there<T: Behind>(
        &self,
        lookups: &Rc<Lookups>,
        presented: &Presented,
    ) -> Result<Result<Pass<T>, Refusal>, DbError> {
        let found = lookups.find(presented.digest()).await?;
        Ok(verify::judge(found, presented, self.app.clock.now()).map(|caller| pass(&Arc::new(caller))))
    }

    fn note<T>(&self, pass: Result<Pass<T>, Refusal>, client: Client) -> Result<Arc<T>, Refusal> {
        let now = self.app.clock.now();
        match &pass {
            Ok(pass) => self.uses.record(pass.value, client, now),
            Err(Refusal { reason: Reason::Ended(_, _, value), .. }) => self.uses.record_try(*value, client, now),
            Err(_) => {}
        }
        pass.map(|pass| pass.to)
    }
}

fn pass<T: Behind>(caller: &Arc<Caller>) -> Pass<T> {
    Pass { value: caller.value, until: caller.ends_at.unwrap_or(Timestamp::NEVER), to: T::of(caller) }
}

/// What a request may ask for behind a value, and what is remembered for it.
pub trait Behind: Sized + 'static {
    /// Where it is remembered.
    fn memory(passes: &Passes) -> &Memory<Self>;
    /// What a lookup brings of it.
    fn of(caller: &Arc<Caller>) -> Arc<Self>;
    /// The workspace that the value opens.
    fn workspace(&self) -> &Workspace;
    /// May what is remembered answer what was presented? If not, a lookup says why.
    fn is_for(&self, presented: &Presented) -> bool;
}

/// Who calls.
impl Behind for Caller {
    fn memory(passes: &Passes) -> &Memory<Self> {
        &passes.callers
    }
    fn of(caller: &Arc<Caller>) -> Arc<Self> {
        Arc::clone(caller)
    }
    fn workspace(&self) -> &Workspace {
        &self.workspace
    }
    fn is_for(&self, presented: &Presented) -> bool {
        presented.is_of(&self.user.email)
    }
}

/// Where it leads. Says nothing of the owner, so that whoever names one is looked up.
impl Behind for Workspace {
    fn memory(passes: &Passes) -> &Memory<Self> {
        &passes.workspaces
    }
    fn of(caller: &Arc<Caller>) -> Arc<Self> {
        Arc::clone(&caller.workspace)
    }
    fn workspace(&self) -> &Workspace {
        self
    }
    fn is_for(&self, presented: &Presented) -> bool {
        presented.is_anonymous()
    }
}

/// What the doors of all workers remember. Clones are handles to the same.
#[derive(Clone)]
pub struct Passes {
    callers: Memory<Caller>,
    workspaces: Memory<Workspace>,
    copies: Arc<Mutex<HashMap<WorkspaceKey, Arc<Workspace>>>>,
}

/// A caller takes some 500 bytes: 1 MB at most.
const CALLERS: (usize, usize) = (1 << 8, 8);
/// A pass to a workspace takes 32 bytes with its place in the rack: 29 MB at most, for some 900,000 of them.
const WORKSPACES: (usize, usize) = (1 << 16, 14);
/// How many workspaces are kept as one copy each; with more, all are forgotten and collected again.
const COPIES: usize = 10_000;

impl Default for Passes {
    fn default() -> Self {
        Self {
            callers: Memory::new(CALLERS.0, CALLERS.1),
            workspaces: Memory::new(WORKSPACES.0, WORKSPACES.1),
            copies: Arc::default(),
        }
    }
}

impl Passes {
    /// The copy of this workspace that all passes share.
    fn only_copy(&self, workspace: Arc<Workspace>) -> Arc<Workspace> {
        let mut copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(copy) = copies.get(&workspace.key).filter(|copy| ***copy == *workspace) {
            return Arc::clone(copy);
        }
        if copies.len() >= COPIES {
            copies.clear();
        }
        copies.insert(workspace.key, Arc::clone(&workspace));
        workspace
    }
}
