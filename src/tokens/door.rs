//! The door of the API, one a worker: from what is presented to the caller, as things stand at this moment.
//!
//! On `SQLite` the lookup is made right here, on a connection of the worker's own, and what it found is remembered: for
//! many values where they lead, which is all that most requests need, and for few who their callers are. Each request
//! first asks for the epoch, which costs less than the lookup, and believes only what was found in it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use actix_web::{HttpRequest, web};

use super::memory::{Memory, Pass};
use super::store;
use super::uses::Uses;
use super::verify::{self, Caller, Presented, Reason, Refusal};
use crate::kernel::app::App;
use crate::kernel::clock::Timestamp;
use crate::kernel::db::{DbError, Near};
use crate::kernel::web::client::Client;
use crate::workspaces::Workspace;
use crate::workspaces::store::WorkspaceKey;

/// What a worker needs to let callers in. To be let in is what counts as a use of a value.
pub struct Door {
    app: App,
    uses: Uses,
    passes: Passes,
    near: RefCell<Option<Near>>,
}

/// Let in, refused, or nobody can say.
type Verdict<T> = Result<Result<Arc<T>, Refusal>, DbError>;

impl Door {
    /// A worker's door. The passes are shared with the doors of the other workers.
    #[must_use]
    pub fn new(app: &App, uses: Uses, passes: Passes) -> Self {
        let near = app.db.near().unwrap_or_else(|error| {
            log::warn!("a worker has no connection of its own and uses the others: {error}");
            None
        });
        Self { app: app.clone(), uses, passes, near: RefCell::new(near) }
    }

    /// Who sends a request.
    #[must_use]
    pub fn client(&self, request: &HttpRequest) -> Client {
        Client::of(request, &self.app.site.trusted_proxies)
    }

    /// Finds what is behind what was presented, and notes the use, or the try of a value that has ended.
    #[must_use]
    pub fn enter<T: Behind>(door: &web::Data<Self>, presented: Presented, client: Client) -> Entering<T> {
        let now = door.app.clock.now();
        if let Some(near) = door.near.borrow_mut().as_mut() {
            let pass = door.find_here(near, &presented, now);
            return Entering::Answered(Some(pass.map(|pass| door.note(pass, client, now))));
        }
        let door = web::Data::clone(door);
        Entering::Asking(Box::pin(async move {
            let digest = *presented.digest();
            let found = door.app.db.look_up(move |conn| store::find_by_digest(conn, &digest)).await?;
            let caller = verify::judge(found, &presented, now);
            Ok(door.note(caller.map(|caller| pass(&Arc::new(caller))), client, now))
        }))
    }

    fn find_here<T: Behind>(
        &self,
        near: &mut Near,
        presented: &Presented,
        now: Timestamp,
    ) -> Result<Result<Pass<T>, Refusal>, DbError> {
        // Before the lookup: a commit between the two makes the memory older than it is, never younger.
        let epoch = near.epoch()?;
        let memory = T::memory(&self.passes);
        if let Some(pass) = memory.recall(presented.digest(), epoch)
            && now < pass.until
            && pass.to.is_for(presented)
        {
            return Ok(Ok(pass));
        }
        let found = near.read(|conn| store::find_by_digest(conn, presented.digest()))?;
        Ok(verify::judge(found, presented, now).map(|mut caller| {
            caller.workspace = self.passes.only_copy(caller.workspace);
            let pass = pass(&Arc::new(caller));
            memory.keep(presented.digest(), epoch, &pass);
            pass
        }))
    }

    fn note<T>(&self, pass: Result<Pass<T>, Refusal>, client: Client, now: Timestamp) -> Result<Arc<T>, Refusal> {
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

/// Somebody at the door: answered at once, or after a query that others make.
pub enum Entering<T> {
    /// The answer, until it is taken.
    Answered(Option<Verdict<T>>),
    /// The query.
    Asking(Pin<Box<dyn Future<Output = Verdict<T>>>>),
}

impl<T> Future for Entering<T> {
    type Output = Verdict<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Answered(verdict) => {
                Poll::Ready(verdict.take().unwrap_or_else(|| Err(DbError::Failed("asked twice".to_owned()))))
            }
            Self::Asking(query) => query.as_mut().poll(context),
        }
    }
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

/// A caller takes some 500 bytes: 2 MB at most.
const CALLERS: (usize, usize) = (1 << 9, 8);
/// A pass to a workspace takes 32 bytes with its place in the rack: 31 MB at most, for nearly a million of them.
const WORKSPACES: (usize, usize) = (1 << 16, 15);
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
