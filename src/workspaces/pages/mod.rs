//! The pages of workspaces. Here: the start, which leads to the one last used.

pub mod account;
pub mod found;
pub mod general;
pub mod setup;

use actix_web::HttpResponse;
use askama::Template;

use super::extract::Person;
use super::shell::Section;
use crate::kernel::web::page;

#[derive(Template)]
#[template(path = "workspaces/none.html")]
struct NoWorkspacePage {
    email: String,
}

/// `GET /`: the workspace last used.
pub async fn start(person: Person) -> HttpResponse {
    match person.last() {
        Some(last) => page::see_other(&Section::Overview.path(&last.workspace.slug)),
        None => page::ok(&NoWorkspacePage { email: person.user.email.as_str().to_owned() }),
    }
}
