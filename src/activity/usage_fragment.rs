//! The calls of a token by day as a part of its page, which the script of the page requests to keep the current day up to date.

use actix_web::{HttpResponse, web};
use askama::Template;

use crate::activity::token_reader::TokenReader;
use crate::activity::token_usage_view::{ChartDays, UsageByDay};
use crate::base::day::Day;
use crate::db::DbError;
use crate::tokens::extract::TokenHolder;
use crate::tokens::pages::list::{TokenPath, token_id};
use crate::usage::day_store;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::html;

#[derive(Template)]
#[template(path = "activity/usage.html")]
struct UsageFragment {
    usage: UsageByDay,
}

/// `GET /w/{slug}/settings/tokens/{uuid}/usage.html`
pub(crate) async fn show(
    app: web::Data<AppState>,
    TokenHolder(member): TokenHolder,
    path: TokenPath,
    days: ChartDays,
) -> Result<HttpResponse, PageError> {
    let (uuid, now, reader) = (token_id(&path)?, app.clock.now(), TokenReader::from(&member));
    let read = move |conn: &mut _| {
        let Some((token, _)) = reader.find(conn, &uuid)? else { return Ok(None) };
        let rows = day_store::days(conn, &token.value_keys(), Day::containing(now), days.0)?;
        Ok::<_, DbError>(Some((token, rows)))
    };
    let (token, rows) = app.db.read(read).await?.ok_or(PageError::NotFound)?;
    let style = member.workspace.profile.date_style;
    Ok(html::ok(&UsageFragment { usage: UsageByDay::new(&token, &rows, days, style, now) }))
}
