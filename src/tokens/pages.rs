//! The API Token page: list, create, reveal, delete.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use super::extract::Holder;
use super::value::TokenValue;
use super::{
    CreateError, Deleted, Deletion, FormKey, LIMIT, LastUse, NewToken, Owner, Token, TokenName, Via, create, delete,
    store,
};
use crate::accounts::NextPath;
use crate::accounts::session::BrowserSession;
use crate::kernel::app::App;
use crate::kernel::clock::Timestamp;
use crate::kernel::error::PageError;
use crate::kernel::id::Id;
use crate::kernel::rng;
use crate::kernel::web::client::Client;
use crate::kernel::web::form::{Field, Form};
use crate::kernel::web::page;
use crate::workspaces::extract::Member;
use crate::workspaces::shell::{Section, Shell};

/// A moment as a page shows it: for machines, for people.
pub struct Moment {
    /// RFC 3339.
    pub exact: String,
    /// As people write it.
    pub shown: String,
}

impl Moment {
    /// To the minute.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        Self { exact: at.to_string(), shown: at.for_people() }
    }

    /// The day alone.
    #[must_use]
    pub fn day(at: Timestamp) -> Self {
        Self { exact: at.to_string(), shown: at.day_for_people() }
    }
}

/// The last use of a token as a page shows it.
pub struct UseLine {
    /// When.
    pub at: Moment,
    /// From where and by what: ` from 203.0.113.7 (curl/8.5.0)`, or nothing.
    pub source: String,
}

impl UseLine {
    fn of(last: &LastUse) -> Self {
        let from = last.ip.as_ref().map_or_else(String::new, |ip| format!(" from {ip}"));
        let by = last.agent.as_ref().map_or_else(String::new, |agent| format!(" ({})", short_agent(agent)));
        Self { at: Moment::of(last.at), source: format!("{from}{by}") }
    }
}

/// The first word of a user agent, which names the program: `python-requests/2.32`.
fn short_agent(agent: &str) -> String {
    agent.split_whitespace().next().unwrap_or_default().chars().take(40).collect()
}

/// A token as a list shows it.
pub struct Row {
    /// What its owner calls it.
    pub name: String,
    /// The last characters of its value.
    pub hint: String,
    /// When it was made.
    pub created: Moment,
    /// Its last use, if there was one.
    pub last_use: Option<UseLine>,
    /// When it stops by itself, and whether that is past.
    pub expiry: Option<(Moment, bool)>,
    /// The page that deletes it.
    pub delete_path: String,
    /// A name for the dialog that deletes it.
    pub dialog_id: String,
}

impl Row {
    /// A token in the list at `tokens_path`.
    #[must_use]
    pub fn of(token: &Token, tokens_path: &str, now: Timestamp) -> Self {
        Self {
            name: token.name.as_str().to_owned(),
            hint: token.current.hint.clone(),
            created: Moment::day(token.created_at),
            last_use: token.current.last_use.as_ref().map(UseLine::of),
            expiry: token.current.ends_at.map(|at| (Moment::of(at), at <= now)),
            delete_path: format!("{tokens_path}/{}/delete", token.uuid),
            dialog_id: format!("delete-{}", token.uuid),
        }
    }
}

/// A value on the one page that shows it.
struct Reveal {
    name: String,
    value: zeroize::Zeroizing<String>,
    api_url: String,
}

#[derive(Template)]
#[template(path = "tokens/list.html")]
struct ListPage {
    shell: Shell,
    rows: Vec<Row>,
    tokens_path: String,
    overview_path: String,
    reveal: Option<Reveal>,
    /// Something that went otherwise than asked, and what to do.
    warning: Option<(&'static str, String)>,
}

impl ListPage {
    async fn of(app: &App, member: &Member) -> Result<Self, PageError> {
        let membership = member.membership;
        let tokens = app.db.read(move |conn| store::live(conn, membership)).await?;
        let tokens_path = Section::Tokens.path(&member.workspace.slug);
        let now = app.clock.now();
        Ok(Self {
            shell: Shell::around(member, Section::Tokens),
            rows: tokens.iter().map(|token| Row::of(token, &tokens_path, now)).collect(),
            overview_path: Section::Overview.path(&member.workspace.slug),
            tokens_path,
            reveal: None,
            warning: None,
        })
    }

    fn is_full(&self) -> bool {
        self.rows.len() >= LIMIT
    }

    /// Which of the three slots are taken, for the meter.
    fn slots(&self) -> impl Iterator<Item = bool> {
        (0..LIMIT).map(|slot| slot < self.rows.len())
    }
}

/// `GET /w/{slug}/settings/tokens`
pub async fn list(
    app: web::Data<App>,
    Holder(member): Holder,
    session: BrowserSession,
) -> Result<HttpResponse, PageError> {
    let mut list = ListPage::of(&app, &member).await?;
    list.shell.flash = session.take_flash();
    Ok(page::ok(&list))
}

#[derive(Template)]
#[template(path = "tokens/new.html")]
struct NewPage {
    shell: Shell,
    tokens_path: String,
    name: Field,
    form_key: String,
    is_full: bool,
}

/// The name that a link suggests.
#[derive(serde::Deserialize)]
pub struct Suggestion {
    name: Option<String>,
}

/// `GET /w/{slug}/settings/tokens/new`
pub async fn new(
    app: web::Data<App>,
    Holder(member): Holder,
    query: Result<web::Query<Suggestion>, actix_web::Error>,
) -> Result<HttpResponse, PageError> {
    let membership = member.membership;
    let live = app.db.read(move |conn| store::live(conn, membership)).await?;
    let suggested = query.ok().and_then(|query| query.into_inner().name).unwrap_or_default();
    // Shown as it came, but only what could be a name: nobody should send somebody else's text to this page.
    let name = suggested.parse::<TokenName>().map_or_else(|_| Field::default(), |name| Field::of(name.as_str()));
    Ok(page::ok(&NewPage {
        shell: Shell::around(&member, Section::Tokens),
        tokens_path: Section::Tokens.path(&member.workspace.slug),
        name,
        form_key: FormKey::generate(&mut rng::secure()).as_str().to_owned(),
        is_full: live.len() >= LIMIT,
    }))
}

/// `POST /w/{slug}/settings/tokens`: makes a token and answers with the page that shows its value.
pub async fn submit(
    app: web::Data<App>,
    holder: Result<Holder, PageError>,
    slug: web::Path<String>,
    client: Client,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let Holder(member) = holder.map_err(|error| back_to_form(error, &slug, &form))?;
    let (field, name) = Field::read::<TokenName>(&form, "name");
    let form_key = form.text("form_key").parse::<FormKey>();
    let (Some(name), Ok(form_key)) = (name, form_key.clone()) else {
        let field = match &form_key {
            Err(refused) if field.error.is_none() => field.refused(refused.0.clone()),
            _ => field,
        };
        return Ok(refuse_form(&member, field, form_key.ok()));
    };

    let value = TokenValue::generate(&mut rng::secure());
    let new = NewToken::new(name.clone(), &value, Some(form_key.clone()), app.clock.now(), &mut rng::secure());
    let owner = Owner::from(&member);
    let made = app.db.write(move |conn| create(conn, &owner, &new, Some(&client))).await;

    let (status, reveal, warning) = match made {
        Ok(()) => {
            let reveal = Reveal { name: name.as_str().to_owned(), value: value.reveal().to_owned().into(), api_url: app.site.public_url.join("/api/v2/workspace.json") };
            (StatusCode::CREATED, Some(reveal), None)
        }
        Err(CreateError::LimitReached) => {
            let why = format!("“{}” was not created: there are 3 already. Delete one that no integration uses any more, then create it again.", name.as_str());
            (StatusCode::CONFLICT, None, Some(("You can have a maximum of 3 tokens", why)))
        }
        Err(CreateError::AlreadyCreated(name)) => {
            let why = format!("This form was sent before. It made the token “{}”, whose value was shown once and is not stored anywhere. If you did not see it, delete that token and create it again.", name.as_str());
            (StatusCode::CONFLICT, None, Some(("This token was already created", why)))
        }
        Err(CreateError::NameTaken) => return Ok(refuse_form(&member, field.refused("You have a token with this name already. Use one name per integration, so that you know later which is which."), Some(form_key))),
        Err(CreateError::StaleForm) => return Ok(refuse_form(&member, field.refused("This form was used before. Check the name and send it again."), None)),
        // The role changed, or the membership ended, since the request began.
        Err(CreateError::NotAllowed) => return Err(PageError::NotFound),
        Err(CreateError::Db(error)) => return Err(error.into()),
    };
    let list = ListPage::of(&app, &member).await?;
    Ok(page::answer(status, &ListPage { reveal, warning, ..list }))
}

/// After signing in, the form again, with the name that was typed: the only thing that travels.
fn back_to_form(error: PageError, slug: &str, form: &Form) -> PageError {
    match error {
        PageError::SeeOther(_) => {
            let name = percent_encoding::utf8_percent_encode(form.text("name"), percent_encoding::NON_ALPHANUMERIC);
            let slug = percent_encoding::utf8_percent_encode(slug, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
                .replace("%2D", "-");
            PageError::SeeOther(NextPath::sign_in_page(&format!("/w/{slug}/settings/tokens/new?name={name}")))
        }
        other => other,
    }
}

fn refuse_form(member: &Member, name: Field, form_key: Option<FormKey>) -> HttpResponse {
    let form_key = form_key.unwrap_or_else(|| FormKey::generate(&mut rng::secure()));
    let page = NewPage {
        shell: Shell::around(member, Section::Tokens),
        tokens_path: Section::Tokens.path(&member.workspace.slug),
        name,
        form_key: form_key.as_str().to_owned(),
        is_full: false,
    };
    page::answer(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

#[derive(Template)]
#[template(path = "tokens/delete.html")]
struct DeletePage {
    shell: Shell,
    tokens_path: String,
    row: Row,
}

/// `GET /w/{slug}/settings/tokens/{uuid}/delete`: asks, where a dialog can't.
pub async fn confirm_delete(
    app: web::Data<App>,
    Holder(member): Holder,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, PageError> {
    let uuid: Id = path.1.parse().map_err(|_| PageError::NotFound)?;
    let membership = member.membership;
    let live = app.db.read(move |conn| store::live(conn, membership)).await?;
    let token = live.iter().find(|token| token.uuid == uuid).ok_or(PageError::NotFound)?;
    let tokens_path = Section::Tokens.path(&member.workspace.slug);
    Ok(page::ok(&DeletePage {
        row: Row::of(token, &tokens_path, app.clock.now()),
        shell: Shell::around(&member, Section::Tokens),
        tokens_path,
    }))
}

/// `POST /w/{slug}/settings/tokens/{uuid}/delete`
pub async fn submit_delete(
    app: web::Data<App>,
    Holder(member): Holder,
    path: web::Path<(String, String)>,
    session: BrowserSession,
    client: Client,
    _: Form,
) -> Result<HttpResponse, PageError> {
    let uuid: Id = path.1.parse().map_err(|_| PageError::NotFound)?;
    let owner = Owner::from(&member);
    let deletion = Deletion {
        via: Via::Page,
        by: Some((owner.user.clone(), owner.email.clone())),
        client: Some(client),
        at: app.clock.now(),
    };
    let said = match app.db.write(move |conn| delete(conn, &owner, &uuid, &deletion)).await? {
        Deleted::Now(name) => format!("Token {} deleted.", name.as_str()),
        // A second click, or another tab: what was asked is done.
        Deleted::Before(name) => format!("Token {} was deleted before.", name.as_str()),
        Deleted::Missing => return Err(PageError::NotFound),
    };
    session.flash(&said)?;
    Ok(page::see_other(&Section::Tokens.path(&member.workspace.slug)))
}
