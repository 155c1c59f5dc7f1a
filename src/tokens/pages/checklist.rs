//! The checklist on the overview of a new workspace, until its steps are done or the member hides it.

use actix_web::{HttpResponse, web};

use crate::tokens::checklist::Step;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::Form;
use crate::web::html;
use crate::workspaces::extract::CurrentMember;
use crate::workspaces::layout::{Section, WorkspaceLayout};
use crate::workspaces::store::hide_checklist;

/// A step on the page.
pub(crate) struct StepView {
    pub is_done: bool,
    pub label: &'static str,
    /// Where the step is done.
    pub path: String,
    pub hint: &'static str,
}

impl StepView {
    fn new(step: Step, is_done: bool, layout: &WorkspaceLayout) -> Self {
        let (label, path, hint) = match step {
            Step::CreateToken => (
                "Create a token",
                format!("{}/new", layout.tokens_path),
                "A script or tool uses it in place of your password.",
            ),
            Step::MakeCall => ("Make a call", "#api".to_owned(), "Try the command below with your token."),
            Step::Invite => (
                "Invite someone",
                format!("{}/invitations", layout.members_path),
                "Create a link, and give it to the person.",
            ),
            Step::SetTimezone => {
                ("Set the time zone", format!("{}#timezone", layout.settings_path), "The workspace uses UTC now.")
            }
            Step::StartDemo => (
                "Start a demo workspace",
                "/workspaces/new".to_owned(),
                "Try things out there. Tokens of one workspace don’t work in another.",
            ),
        };
        Self { is_done, label, path, hint }
    }
}

/// The checklist, if there is a step to do.
pub(crate) struct ChecklistView {
    pub steps: Vec<StepView>,
    pub done: usize,
}

impl ChecklistView {
    pub(crate) fn new(steps: Vec<(Step, bool)>, layout: &WorkspaceLayout) -> Option<Self> {
        let done = steps.iter().filter(|(_, is_done)| *is_done).count();
        let steps: Vec<_> = steps.into_iter().map(|(step, is_done)| StepView::new(step, is_done, layout)).collect();
        (done < steps.len()).then_some(Self { steps, done })
    }
}

/// `GET /w/{slug}/checklist`: redirects to the overview. Sign-in can redirect to this path.
pub(crate) async fn back(member: CurrentMember) -> HttpResponse {
    html::redirect(&Section::Overview.path(&member.workspace.slug))
}

/// `POST /w/{slug}/checklist`: hides the checklist of this member in this workspace.
pub(crate) async fn hide(app: web::Data<AppState>, member: CurrentMember, _: Form) -> Result<HttpResponse, PageError> {
    let now = app.clock.now();
    app.db.write(move |conn| hide_checklist(conn, member.membership, now)).await?;
    Ok(html::redirect(&Section::Overview.path(&member.workspace.slug)))
}
