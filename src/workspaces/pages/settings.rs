//! General settings: what a workspace says of itself.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use crate::accounts::session::BrowserSession;
use crate::base::client_info::Client;
use crate::base::text::Label;
use crate::web::app_state::App;
use crate::web::error::PageError;
use crate::web::form::{Field, Form};
use crate::web::html;
use crate::workspaces::change_profile::{ChangeError, change_profile};
use crate::workspaces::extract::{Administrator, Member, no_administrator};
use crate::workspaces::layout::{Section, Shell};
use crate::workspaces::model::Workspace;
use crate::workspaces::profile::{Country, DateStyle, Kind, Languages, Profile, Timezone};

#[derive(Template)]
#[template(path = "workspaces/settings.html")]
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
pub async fn show(member: Member, session: BrowserSession) -> HttpResponse {
    html::ok(&GeneralPage::of(&member, session.take_flash()))
}

/// `POST /w/{slug}/settings`
pub async fn submit(
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
        return Ok(html::answer(StatusCode::UNPROCESSABLE_ENTITY, &filled));
    };
    if kind != member.workspace.profile.kind && form.text("confirm_kind") != kind.as_str() {
        return Ok(html::answer(StatusCode::UNPROCESSABLE_ENTITY, &GeneralPage { confirm: Some(kind), ..filled }));
    }

    let profile = Profile { name, kind, country, languages, timezone, date_style };
    let (Member { user, workspace, .. }, now) = (member, app.clock.now());
    let here = workspace.clone();
    match app.db.write(move |conn| change_profile(conn, &here, &profile, &user, &client, now)).await {
        Ok(()) => {
            session.flash("Settings saved.")?;
            Ok(html::see_other(&Section::General.path(&workspace.slug)))
        }
        // The role changed, or the membership ended, since the request began.
        Err(ChangeError::NotAllowed) => Err(PageError::Forbidden(no_administrator(&workspace, false))),
        Err(ChangeError::Db(error)) => Err(error.into()),
    }
}
