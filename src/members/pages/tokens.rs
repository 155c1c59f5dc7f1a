//! Everybody's tokens in a workspace.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::session::BrowserSession;
use crate::members::pages::list::{Choice, tokens_path};
use crate::members::token_filter::Concern;
use crate::tokens::store as tokens;
use crate::tokens::view::Row;
use crate::web::app_state::App;
use crate::web::error::PageError;
use crate::web::html;
use crate::workspaces::extract::Administrator;
use crate::workspaces::layout::{Section, Shell};

/// A token and whose it is.
struct Held {
    row: Row,
    owner: String,
    email: String,
    /// The owner's page.
    owner_path: String,
}

#[derive(Template)]
#[template(path = "members/tokens.html")]
struct TokensPage {
    shell: Shell,
    members_path: String,
    choices: Vec<Choice>,
    held: Vec<Held>,
    /// How many there are, chosen or not.
    total: usize,
}

/// Which tokens to show, from a query.
#[derive(serde::Deserialize)]
pub struct Filter {
    filter: Option<String>,
}

/// `GET /w/{slug}/settings/members/tokens`
pub async fn list(
    app: web::Data<App>,
    Administrator(reader): Administrator,
    query: Result<web::Query<Filter>, actix_web::Error>,
    session: BrowserSession,
) -> Result<HttpResponse, PageError> {
    let concern = query.ok().and_then(|query| Concern::named(query.filter.as_deref()?));
    let (workspace, now) = (reader.workspace.key, app.clock.now());
    let all = app.db.read(move |conn| tokens::of_workspace(conn, workspace)).await?;
    let members_path = Section::Members.path(&reader.workspace.slug);
    let tokens_path = tokens_path(&members_path);

    let mut choices = vec![Choice::new("All", Some(all.len()), tokens_path.clone(), concern.is_none())];
    choices.extend(Concern::ALL.map(|it| {
        let count = all.iter().filter(|(token, _)| it.is_about(token, now)).count();
        Choice::new(it.label(), Some(count), format!("{tokens_path}?filter={}", it.as_str()), concern == Some(it))
    }));
    let chosen = all.iter().filter(|(token, _)| concern.is_none_or(|concern| concern.is_about(token, now)));
    let held = chosen.map(|(token, owner)| Held {
        row: Row::of(token, &tokens_path, now),
        owner: owner.name.as_str().to_owned(),
        email: owner.email.as_str().to_owned(),
        owner_path: format!("{members_path}/{}", owner.uuid),
    });
    Ok(html::ok(&TokensPage {
        shell: Shell::around(&reader, Section::Members).saying(session.take_flash()),
        choices,
        held: held.collect(),
        total: all.len(),
        members_path,
    }))
}
