//! `latchkey token usage`: the calls of a token by day, and its callers.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::base::clock::Timestamp;
use crate::base::day::Day;
use crate::base::id::PublicId;
use crate::cli::{CliError, print};
use crate::db::{Db, DbError};
use crate::tokens::model::{Token, TokenOwner};
use crate::tokens::store;
use crate::usage::{day_store, origin_store};

/// Number of days that the command shows.
const DAYS: u16 = 90;

#[derive(Serialize)]
struct Usage<'a> {
    uuid: &'a PublicId,
    name: &'a str,
    calls_30d: i64,
    days: Vec<DayRow<'a>>,
    callers: Vec<CallerRow>,
}

/// The calls of a value on a day in UTC.
#[derive(Serialize)]
struct DayRow<'a> {
    day: Day,
    hint: &'a str,
    calls: i64,
    rejected: i64,
}

/// A caller; without address and program for all that have no row of their own.
#[derive(Serialize)]
struct CallerRow {
    ip: Option<String>,
    program: Option<String>,
    first_seen_at: Timestamp,
    last_seen_at: Timestamp,
    calls: i64,
    rejected: i64,
}

/// Prints the usage of a token; `None` if the owner has no such token, or it is deleted.
pub(super) fn print_usage(
    db: &Db,
    owner: &TokenOwner,
    uuid: &PublicId,
    json: bool,
    now: Timestamp,
) -> Result<Option<()>, CliError> {
    let today = Day::containing(now);
    let found = db.read_blocking(|conn| {
        let Some(token) = store::find(conn, owner.membership, uuid)? else { return Ok(None) };
        let days = day_store::days(conn, &token.value_keys(), today, DAYS)?;
        let callers = origin_store::origins(conn, token.key)?;
        Ok::<_, DbError>(Some((token, days, callers)))
    })?;
    let Some((token, days, callers)) = found else { return Ok(None) };
    let hints: BTreeMap<_, _> = token.values().map(|value| (value.key, value.hint.as_str())).collect();
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let usage = Usage {
        uuid: &token.uuid,
        name: token.name.as_str(),
        calls_30d: day_store::calls_of_latest(&days, today, 30),
        days: days
            .iter()
            .map(|row| {
                let hint = hints.get(&row.value).copied().unwrap_or_default();
                DayRow { day: row.day, hint, calls: row.calls, rejected: row.rejected }
            })
            .collect(),
        callers: callers
            .into_iter()
            .map(|origin| CallerRow {
                ip: some(&origin.ip),
                program: some(&origin.agent),
                first_seen_at: origin.first_seen_at,
                last_seen_at: origin.last_seen_at,
                calls: origin.calls,
                rejected: origin.rejected,
            })
            .collect(),
    };
    let printed = if json { print(&serde_json::to_string_pretty(&usage)?) } else { print(&tables(&token, &usage)) };
    printed.map(Some)
}

fn tables(token: &Token, usage: &Usage<'_>) -> String {
    let mut lines = vec![format!("{}: {} calls in the latest 30 days (UTC)", token.name, usage.calls_30d)];
    lines.push("day\tvalue\tcalls\trejected".to_owned());
    lines.extend(
        usage.days.iter().map(|row| format!("{}\trpat…{}\t{}\t{}", row.day, row.hint, row.calls, row.rejected)),
    );
    lines.push("ip\tprogram\tfirst_seen_at\tlast_seen_at\tcalls\trejected".to_owned());
    lines.extend(usage.callers.iter().map(|row| {
        let (ip, program) = (row.ip.as_deref().unwrap_or("others"), row.program.as_deref().unwrap_or("-"));
        let (first, last) = (row.first_seen_at, row.last_seen_at);
        format!("{ip}\t{program}\t{first}\t{last}\t{}\t{}", row.calls, row.rejected)
    }));
    lines.join("\n")
}
