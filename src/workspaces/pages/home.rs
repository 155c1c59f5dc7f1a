//! The start page, which redirects to the workspace last used.

use actix_web::HttpResponse;
use askama::Template;

use crate::web::html;
use crate::workspaces::extract::UserWithMemberships;
use crate::workspaces::layout::Section;

#[derive(Template)]
#[template(path = "workspaces/none.html")]
struct NoWorkspacePage {
    email: String,
}

/// `GET /`: redirects to the workspace last used, or shows a page for a user without workspaces.
pub(crate) async fn redirect_to_workspace(person: UserWithMemberships) -> HttpResponse {
    match person.last() {
        Some(last) => html::redirect(&Section::Overview.path(&last.workspace.slug)),
        None => html::ok(&NoWorkspacePage { email: person.user.email.as_str().to_owned() }),
    }
}
