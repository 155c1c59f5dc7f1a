//! The pages of workspaces: the start, the set-up, general settings.

pub mod account;
pub mod found;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use super::extract::{Administrator, Member, Person};
use super::shell::{Section, Shell};
use super::{Country, DateStyle, Kind, Languages, NewWorkspace, Profile, Timezone, Workspace, setup, store};
use crate::accounts::password::NewPassword;
use crate::accounts::session::BrowserSession;
use crate::accounts::{Accounts, EmailAddress, NewUser};
use crate::kernel::app::App;
use crate::kernel::db::DbError;
use crate::kernel::db::events::{Event, EventKind};
use crate::kernel::error::PageError;
use crate::kernel::rng;
use crate::kernel::text::Label;
use crate::kernel::web::client::Client;
use crate::kernel::web::form::{Field, Form};
use crate::kernel::web::page::{self, Notice};

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

#[derive(Template)]
#[template(path = "workspaces/setup.html")]
struct SetupPage {
    code: String,
    name: Field,
    email: Field,
    password: Field,
    workspace: Field,
    with_demo: bool,
}

/// The code of a set-up link, from a query.
#[derive(serde::Deserialize)]
pub struct SetupLink {
    code: Option<String>,
}

fn no_setup(error: setup::SetupError) -> PageError {
    match error {
        setup::SetupError::Done => PageError::NotFound,
        setup::SetupError::BadCode => PageError::Forbidden(
            Notice::new(
                "This set-up link is not valid",
                "A set-up link works once, for 24 hours. Restart Latchkey on the server: it prints a new one.",
            )
            .with_way_on("/login", "Go to sign-in"),
        ),
        setup::SetupError::Db(error) => error.into(),
    }
}

/// `GET /setup?code=…`
pub async fn show_setup(
    app: web::Data<App>,
    link: Result<web::Query<SetupLink>, actix_web::Error>,
) -> Result<HttpResponse, PageError> {
    let code = link.ok().and_then(|link| link.into_inner().code).unwrap_or_default();
    setup::check(&app, &code).await.map_err(no_setup)?;
    Ok(page::ok(&SetupPage {
        code,
        name: Field::default(),
        email: Field::default(),
        password: Field::default(),
        workspace: Field::default(),
        with_demo: true,
    }))
}

/// `POST /setup`
pub async fn submit_setup(
    app: web::Data<App>,
    accounts: web::Data<Accounts>,
    session: BrowserSession,
    client: Client,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let code = form.text("code").to_owned();
    setup::check(&app, &code).await.map_err(no_setup)?;
    let (name, good_name) = Field::read::<Label>(&form, "name");
    let (email, good_email) = Field::read::<EmailAddress>(&form, "email");
    let (workspace, good_workspace) = Field::read::<Label>(&form, "workspace");
    let (password, chosen) = NewPassword::read(&form, "password", good_email.as_ref());
    let with_demo = form.is_ticked("demo");
    let (Some(good_name), Some(good_email), Some(good_workspace), Some(chosen)) =
        (good_name, good_email, good_workspace, chosen)
    else {
        return Ok(page::answer(
            StatusCode::UNPROCESSABLE_ENTITY,
            &SetupPage { code, name, email, password, workspace, with_demo },
        ));
    };

    let hash = accounts.passwords.hash(chosen).await?;
    let now = app.clock.now();
    let user = NewUser::new(good_email, good_name, hash, now, &mut rng::secure());
    let mut workspaces =
        vec![NewWorkspace::new(None, good_workspace.clone(), Kind::Production, now, &mut rng::secure())];
    if with_demo {
        workspaces.push(NewWorkspace::new(None, demo_name(&good_workspace), Kind::Demo, now, &mut rng::secure()));
    }
    let (user, slug) = setup::run(&app, &code, user, workspaces, client.clone()).await.map_err(no_setup)?;
    session.sign_in(&user, &client)?;
    Ok(page::see_other(&Section::Overview.path(&slug)))
}

/// The demo workspace beside a production one: its name and "Demo", cut to fit.
fn demo_name(production: &Label) -> Label {
    let kept: String = production.as_str().chars().take(59).collect();
    format!("{kept} Demo").parse().unwrap_or_else(|_| production.clone())
}

#[derive(Template)]
#[template(path = "workspaces/general.html")]
struct GeneralPage {
    shell: Shell,
    may_edit: bool,
    slug: String,
    uuid: String,
    name: Field,
    kind: Field,
    country: Field,
    languages: Field,
    timezone: Field,
    date_style: Field,
    /// The kind that was chosen and wants to be confirmed.
    confirm: Option<Kind>,
}

impl GeneralPage {
    fn of(member: &Member, flash: Option<String>) -> Self {
        let Workspace { uuid, slug, profile, .. } = &member.workspace;
        Self {
            shell: Shell::around(member, Section::General).saying(flash),
            may_edit: member.role.administrates(),
            slug: slug.to_string(),
            uuid: uuid.to_string(),
            name: Field::of(profile.name.as_str()),
            kind: Field::of(profile.kind.as_str()),
            country: Field::of(profile.country.as_str()),
            languages: Field::of(profile.languages.as_str().replace(',', ", ")),
            timezone: Field::of(profile.timezone.as_str()),
            date_style: Field::of(profile.date_style.as_str()),
            confirm: None,
        }
    }

    fn country_name(&self) -> &'static str {
        self.country.text.parse::<Country>().map_or("", |country| country.name())
    }

    fn kind_label(&self) -> &'static str {
        self.kind.text.parse::<Kind>().map_or("", Kind::label)
    }

    fn date_style_label(&self) -> &'static str {
        self.date_style.text.parse::<DateStyle>().map_or("", DateStyle::label)
    }
}

/// `GET /w/{slug}/settings`
pub async fn show_general(member: Member, session: BrowserSession) -> HttpResponse {
    page::ok(&GeneralPage::of(&member, session.take_flash()))
}

/// `POST /w/{slug}/settings`
pub async fn submit_general(
    app: web::Data<App>,
    Administrator(member): Administrator,
    session: BrowserSession,
    client: Client,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let (name, good_name) = Field::read::<Label>(&form, "name");
    let (kind, good_kind) = Field::read::<Kind>(&form, "kind");
    let (country, good_country) = Field::read::<Country>(&form, "country");
    let (languages, good_languages) = Field::read::<Languages>(&form, "languages");
    let (timezone, good_timezone) = Field::read::<Timezone>(&form, "timezone");
    let (date_style, good_date_style) = Field::read::<DateStyle>(&form, "date_style");
    let filled = GeneralPage { name, kind, country, languages, timezone, date_style, ..GeneralPage::of(&member, None) };
    let (Some(name), Some(kind), Some(country), Some(languages), Some(timezone), Some(date_style)) =
        (good_name, good_kind, good_country, good_languages, good_timezone, good_date_style)
    else {
        return Ok(page::answer(StatusCode::UNPROCESSABLE_ENTITY, &filled));
    };
    if kind != member.workspace.profile.kind && form.text("confirm_kind") != kind.as_str() {
        return Ok(page::answer(StatusCode::UNPROCESSABLE_ENTITY, &GeneralPage { confirm: Some(kind), ..filled }));
    }

    let profile = Profile { name, kind, country, languages, timezone, date_style };
    if profile != member.workspace.profile {
        let now = app.clock.now();
        let Workspace { key, uuid, profile: before, .. } = member.workspace.clone();
        let said = profile.clone();
        app.db
            .write(move |conn| {
                store::lock_workspace(conn, key)?;
                store::update_profile(conn, key, &said)?;
                let detail = said.differences(&before);
                Event {
                    actor: Some(member.user.uuid.as_str()),
                    workspace: Some(uuid.as_str()),
                    client: Some(&client),
                    detail: Some(&detail),
                    ..Event::new(now, EventKind::WorkspaceChanged)
                }
                .record(conn)?;
                Ok::<_, DbError>(())
            })
            .await?;
    }
    session.flash("Settings saved.")?;
    Ok(page::see_other(&Section::General.path(&member.workspace.slug)))
}
