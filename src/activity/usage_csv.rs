//! The calls of a token by day as CSV (RFC 4180).

use std::collections::HashMap;
use std::fmt::Write as _;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::{HttpResponse, web};

use crate::activity::token_reader::TokenReader;
use crate::base::day::Day;
use crate::db::DbError;
use crate::tokens::extract::TokenHolder;
use crate::tokens::pages::list::{TokenPath, token_id};
use crate::usage::day_store::{self, DAYS_KEPT};
use crate::web::app_state::AppState;
use crate::web::error::PageError;

/// `GET /w/{slug}/settings/tokens/{uuid}/usage.csv`: all days that are kept, a row for each value and day with calls.
pub(crate) async fn show(
    app: web::Data<AppState>,
    TokenHolder(member): TokenHolder,
    path: TokenPath,
) -> Result<HttpResponse, PageError> {
    let (uuid, today, reader) = (token_id(&path)?, Day::containing(app.clock.now()), TokenReader::from(&member));
    let read = move |conn: &mut _| {
        let Some((token, _)) = reader.find(conn, &uuid)? else { return Ok(None) };
        // Today, and the days before it.
        let days = day_store::days(conn, &token.value_keys(), today, DAYS_KEPT + 1)?;
        Ok::<_, DbError>(Some((token, days)))
    };
    let (token, days) = app.db.read(read).await?.ok_or(PageError::NotFound)?;
    let hints: HashMap<_, _> = token.values().map(|value| (value.key, value.hint.as_str())).collect();
    let mut csv = "day,value,calls,rejected\r\n".to_owned();
    for row in &days {
        // With the prefix, a spreadsheet takes no value for a number or a formula. Nothing here is text of a user.
        let hint = hints.get(&row.value).copied().unwrap_or_default();
        // Writing to a string can't fail.
        let _ = write!(csv, "{},rpat...{hint},{},{}\r\n", row.day, row.calls, row.rejected);
    }
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/csv; charset=utf-8"))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"usage-{uuid}.csv\"")))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(csv))
}
