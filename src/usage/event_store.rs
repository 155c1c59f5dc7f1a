//! Audit events of uses: a token's new caller, and the use of a value that has ended.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;

use diesel::prelude::*;

use crate::audit::event::{self, Event, EventKind};
use crate::base::client_info::ClientInfo;
use crate::base::clock::Timestamp;
use crate::base::day::Day;
use crate::base::id::PublicId;
use crate::base::text::DisplayName;
use crate::db::ids::{TokenId, ValueId};
use crate::db::schema::{events, memberships, token_values, tokens, users, workspaces};
use crate::db::{DbConnection, DbError};
use crate::usage::origin_store::ChangedOrigins;
use crate::usage::origins::Origin;
use crate::usage::program::{network, product};
use crate::usage::store::ROWS_PER_STATEMENT;

/// Maximum number of events of new callers of a token in a day.
const NEW_ORIGINS_PER_DAY: usize = 10;

/// The first rejected use of a value on a day.
#[derive(Debug)]
pub(super) struct FirstRejection {
    pub value: ValueId,
    pub at: Timestamp,
    /// `None` if the buffer had no room for the client.
    pub client: Option<ClientInfo>,
}

struct TokenRow {
    key: TokenId,
    uuid: PublicId,
    name: DisplayName,
    owner: PublicId,
    workspace: PublicId,
}

crate::impl_select! {
    /// What an event says of a token.
    TOKEN: TokenRow {
        key: TokenId = tokens::id,
        uuid: PublicId = tokens::uuid,
        name: DisplayName = tokens::name,
        owner: PublicId = users::uuid,
        workspace: PublicId = workspaces::uuid,
    }
}

impl TokenRow {
    fn event(&self, at: Timestamp, kind: EventKind) -> Event<'_> {
        Event {
            subject: Some(&self.owner),
            workspace: Some(&self.workspace),
            token: Some(&self.uuid),
            token_name: Some(self.name.as_str()),
            ..Event::new(at, kind)
        }
    }
}

/// A caller of a network or with a program that its token did not have.
struct NewOrigin {
    token: TokenId,
    at: Timestamp,
    client: ClientInfo,
    /// Program and network, without version and address: what is new once.
    place: String,
}

/// Program and network of a caller with accepted calls: `curl from 203.0.113.0/24`.
fn place(origin: &Origin) -> Option<(IpAddr, String)> {
    let ip: IpAddr = origin.ip.parse().ok().filter(|_| origin.calls > 0)?;
    let program = match product(&origin.agent) {
        "" => "an unnamed program",
        program => program,
    };
    Some((ip, format!("{program} from {}", network(ip))))
}

/// The new callers of a token. Its very first caller is not one: every token has it.
fn new_origins(change: &ChangedOrigins) -> Vec<NewOrigin> {
    let mut known: HashSet<String> = change.before.iter().filter_map(place).map(|(_, place)| place).collect();
    let mut has_any = change.before.iter().any(|origin| origin.calls > 0);
    let mut new = Vec::new();
    for origin in &change.added {
        let Some((ip, place)) = place(origin) else { continue };
        if known.insert(place.clone()) && has_any {
            let agent = Some(origin.agent.to_string()).filter(|agent| !agent.is_empty());
            let client = ClientInfo { ip, agent };
            new.push(NewOrigin { token: change.token, at: origin.first_seen_at, client, place });
        }
        has_any = true;
    }
    new
}

/// Records the callers that are new to their token, each network and program once.
pub(super) fn record_new_origins(conn: &mut DbConnection, changes: &[ChangedOrigins]) -> Result<(), DbError> {
    let new: Vec<NewOrigin> = changes.iter().flat_map(new_origins).collect();
    if new.is_empty() {
        return Ok(());
    }
    let mut tokens: Vec<i64> = new.iter().map(|new| new.token.0).collect();
    tokens.dedup();
    let mut rows: HashMap<TokenId, TokenRow> = HashMap::new();
    let mut earlier: HashMap<String, Vec<EarlierEvent>> = HashMap::new();
    for tokens in tokens.chunks(ROWS_PER_STATEMENT) {
        let found = tokens::table
            .inner_join(memberships::table.inner_join(users::table).inner_join(workspaces::table))
            .filter(tokens::id.eq_any(tokens))
            .select(TOKEN)
            .load::<TokenRow>(conn)?;
        let uuids: Vec<&str> = found.iter().map(|row| row.uuid.as_str()).collect();
        let events = events::table
            .filter(events::token.eq_any(uuids).and(events::action.eq(EventKind::TokenNewOrigin.as_str())))
            .select((events::token, events::at, events::detail))
            .load::<(Option<String>, Timestamp, Option<String>)>(conn)?;
        for (token, at, detail) in events {
            earlier.entry(token.unwrap_or_default()).or_default().push(EarlierEvent { at, detail });
        }
        rows.extend(found.into_iter().map(|row| (row.key, row)));
    }
    let mut recorded: BTreeMap<(TokenId, Day), usize> = BTreeMap::new();
    let mut is_due = |new: &NewOrigin| {
        let Some(row) = rows.get(&new.token) else { return false };
        let earlier = earlier.get(row.uuid.as_str()).map_or(&[][..], Vec::as_slice);
        if earlier.iter().any(|event| event.detail.as_deref() == Some(&new.place)) {
            return false;
        }
        let day = Day::containing(new.at);
        let of_day = earlier.iter().filter(|event| Day::containing(event.at) == day).count();
        let recorded = recorded.entry((new.token, day)).or_insert(of_day);
        *recorded += 1;
        *recorded <= NEW_ORIGINS_PER_DAY
    };
    let due: Vec<&NewOrigin> = new.iter().filter(|new| is_due(new)).collect();
    let events: Vec<Event<'_>> = due
        .into_iter()
        .filter_map(|new| {
            let event = rows.get(&new.token)?.event(new.at, EventKind::TokenNewOrigin);
            Some(Event { client: Some(&new.client), detail: Some(&new.place), ..event })
        })
        .collect();
    event::record_all(conn, &events)
}

struct EarlierEvent {
    at: Timestamp,
    detail: Option<String>,
}

/// Records the first rejected use of each value on a day, with the value's last characters.
pub(super) fn record_first_rejections(conn: &mut DbConnection, first: &[FirstRejection]) -> Result<(), DbError> {
    let values: Vec<i64> = first.iter().map(|first| first.value.0).collect();
    let mut rows: HashMap<ValueId, (String, TokenRow)> = HashMap::new();
    for values in values.chunks(ROWS_PER_STATEMENT) {
        let query = token_values::table
            .inner_join(
                tokens::table.inner_join(memberships::table.inner_join(users::table).inner_join(workspaces::table)),
            )
            .filter(token_values::id.eq_any(values))
            .select((token_values::id, token_values::hint, TOKEN));
        let found = query.load::<(ValueId, String, TokenRow)>(conn)?;
        rows.extend(found.into_iter().map(|(value, hint, row)| (value, (hint, row))));
    }
    let events: Vec<Event<'_>> = first
        .iter()
        .filter_map(|first| {
            let (hint, row) = rows.get(&first.value)?;
            let event = row.event(first.at, EventKind::TokenReused);
            Some(Event { client: first.client.as_ref(), detail: Some(hint), ..event })
        })
        .collect();
    event::record_all(conn, &events)
}
