//! The lists of recently deleted tokens: a member's own, and those of the workspace for administrators.

use actix_web::{HttpResponse, web};
use askama::Template;
use strum::{EnumString, IntoStaticStr};

use crate::accounts::session::BrowserSession;
use crate::db::list_page::Direction;
use crate::tokens::delete::TOMBSTONE_RETENTION;
use crate::tokens::deleted_store::{self, DeletedScope, DeletedSelection, DeletedToken};
use crate::tokens::extract::TokenHolder;
use crate::tokens::view::DeletedTokenView;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::html;
use crate::web::list::{ListOrder, ListQuery, ListState, ListView};
use crate::workspaces::extract::{Administrator, CurrentMember};
use crate::workspaces::layout::{Section, WorkspaceLayout};

/// Tokens are counted up to this number.
const COUNT_MAX: usize = 100_000;

/// The order of the lists: the latest deletion first, or last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, EnumString, IntoStaticStr)]
#[strum(serialize_all = "kebab-case", const_into_str)]
enum DeletedOrder {
    #[default]
    Deleted,
}

impl ListOrder for DeletedOrder {
    fn as_str(self) -> &'static str {
        self.into_str()
    }

    fn direction(self) -> Direction {
        Direction::Descending
    }
}

/// A deleted token with its owner.
struct DeletedRow {
    token: DeletedTokenView,
    owner: String,
    email: String,
}

#[derive(Template)]
#[template(path = "tokens/deleted.html")]
struct DeletedPage {
    layout: WorkspaceLayout,
    list: ListView,
    rows: Vec<DeletedRow>,
    /// Whether the list is that of the workspace.
    is_workspace: bool,
}

impl DeletedPage {
    async fn load(
        app: &AppState,
        member: &CurrentMember,
        query: &ListQuery,
        scope: DeletedScope,
        section: Section,
    ) -> Result<Self, PageError> {
        let layout = WorkspaceLayout::new(member, section);
        let is_workspace = matches!(scope, DeletedScope::Workspace(_));
        let path = if is_workspace { format!("{}/tokens", layout.members_path) } else { layout.tokens_path.clone() };
        let (_, direction) = query.order::<DeletedOrder>();
        let since = app.clock.now() - TOMBSTONE_RETENTION;
        let selection =
            DeletedSelection { scope, since, words: query.words(), direction, cursor: query.cursor.clone() };
        let (page, total) = app.db.read(move |conn| deleted_store::page(conn, &selection, COUNT_MAX)).await?;
        let state = ListState::<DeletedOrder>::new(&format!("{path}/deleted"), query, "");
        let mut heads = vec![
            ListState::<DeletedOrder>::plain_head("Token"),
            state.head("Deleted", DeletedOrder::Deleted),
            ListState::<DeletedOrder>::plain_head("Attempts since"),
        ];
        if is_workspace {
            heads.insert(1, ListState::<DeletedOrder>::plain_head("Owner"));
        }
        let row = |deleted: &DeletedToken| {
            let owner = deleted.owner.email.as_str();
            let token = DeletedTokenView::new(&deleted.token, (!is_workspace).then_some(owner))?;
            Some(DeletedRow { token, owner: deleted.owner.name.as_str().to_owned(), email: owner.to_owned() })
        };
        Ok(Self {
            rows: page.rows.iter().filter_map(row).collect(),
            list: state.view(&page, total, Vec::new(), heads, deleted_store::sort_values),
            layout,
            is_workspace,
        })
    }

    fn placeholder(&self) -> &'static str {
        if self.is_workspace { "Token, last four characters, owner" } else { "Token or last four characters" }
    }
}

/// `GET /w/{slug}/settings/tokens/deleted`
pub(crate) async fn own(
    app: web::Data<AppState>,
    TokenHolder(member): TokenHolder,
    query: ListQuery,
    session: BrowserSession,
) -> Result<HttpResponse, PageError> {
    let scope = DeletedScope::Member(member.membership);
    let mut page = DeletedPage::load(&app, &member, &query, scope, Section::Tokens).await?;
    page.layout.flash = session.take_flash();
    Ok(html::ok(&page))
}

/// `GET /w/{slug}/settings/members/tokens/deleted`
pub(crate) async fn of_workspace(
    app: web::Data<AppState>,
    Administrator(member): Administrator,
    query: ListQuery,
    session: BrowserSession,
) -> Result<HttpResponse, PageError> {
    let scope = DeletedScope::Workspace(member.workspace.key);
    let mut page = DeletedPage::load(&app, &member, &query, scope, Section::Members).await?;
    page.layout.flash = session.take_flash();
    Ok(html::ok(&page))
}
