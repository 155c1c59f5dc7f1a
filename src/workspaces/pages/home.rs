//! The pages of workspaces. Here: the start, which leads to the one last used.

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

/// `GET /`: the workspace last used.
pub async fn redirect_to_workspace(person: UserWithMemberships) -> HttpResponse {
    match person.last() {
        Some(last) => html::redirect(&Section::Overview.path(&last.workspace.slug)),
        None => html::ok(&NoWorkspacePage { email: person.user.email.as_str().to_owned() }),
    }
}
