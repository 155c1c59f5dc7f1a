//! General settings: the workspace's profile.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use strum::VariantArray as _;

use crate::accounts::kept_form::Prefill;
use crate::accounts::session::{BrowserSession, Flash};
use crate::base::client_info::ClientInfo;
use crate::base::text::DisplayName;
use crate::web::app_state::AppState;
use crate::web::error::PageError;
use crate::web::form::{Field, Form};
use crate::web::html;
use crate::workspaces::change_profile::{ChangeProfileError, change_profile};
use crate::workspaces::extract::{Administrator, CurrentMember, admin_required};
use crate::workspaces::layout::{Section, WorkspaceLayout};
use crate::workspaces::model::Workspace;
use crate::workspaces::profile::{Country, DateStyle, Languages, Profile, Timezone, WorkspaceKind};

#[derive(Template)]
#[template(path = "workspaces/settings.html")]
struct SettingsPage {
    layout: WorkspaceLayout,
    can_edit: bool,
    slug: String,
    uuid: String,
    name: Field,
    kind: Field,
    country: Field,
    languages: Field,
    timezone: Field,
    date_style: Field,
    /// The chosen kind, if the change needs confirmation.
    confirm: Option<WorkspaceKind>,
}

impl SettingsPage {
    fn new(member: &CurrentMember, flash: Option<Flash>) -> Self {
        let Workspace { uuid, slug, profile, .. } = &member.workspace;
        Self {
            layout: WorkspaceLayout::new(member, Section::General).with_flash(flash),
            can_edit: member.role.is_admin(),
            slug: slug.to_string(),
            uuid: uuid.to_string(),
            name: Field::new(&profile.name),
            kind: Field::new(&profile.kind),
            country: Field::new(profile.country.as_str()),
            languages: Field::new(&profile.languages.as_str().replace(',', ", ")),
            timezone: Field::new(profile.timezone.as_str()),
            date_style: Field::new(&profile.date_style),
            confirm: None,
        }
    }

    /// The error of the box that confirms another kind.
    fn confirm_error(&self) -> Option<String> {
        let kind = self.confirm?.label().to_lowercase();
        Some(format!("Tick the box to mark this as a {kind} workspace."))
    }

    fn country_name(&self) -> &'static str {
        self.country.text.parse::<Country>().map_or("", |country| country.name())
    }

    fn kind_label(&self) -> &'static str {
        self.kind.text.parse::<WorkspaceKind>().map_or("", WorkspaceKind::label)
    }

    fn date_style_label(&self) -> &'static str {
        self.date_style.text.parse::<DateStyle>().map_or("", DateStyle::label)
    }
}

/// `GET /w/{slug}/settings`
pub(crate) async fn show(member: CurrentMember, session: BrowserSession, prefill: Prefill) -> HttpResponse {
    let mut page = SettingsPage::new(&member, session.take_flash());
    if page.can_edit {
        page.layout.flash = prefill.flash().or(page.layout.flash);
        prefill.fill([
            ("name", &mut page.name),
            ("kind", &mut page.kind),
            ("country", &mut page.country),
            ("languages", &mut page.languages),
            ("timezone", &mut page.timezone),
            ("date_style", &mut page.date_style),
        ]);
    }
    html::ok(&page)
}

/// `POST /w/{slug}/settings`
pub(crate) async fn submit(
    app: web::Data<AppState>,
    Administrator(member): Administrator,
    session: BrowserSession,
    client: ClientInfo,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let (name, parsed_name) = Field::read::<DisplayName>(&form, "name");
    let (kind, parsed_kind) = Field::read::<WorkspaceKind>(&form, "kind");
    let (country, parsed_country) = Field::read::<Country>(&form, "country");
    let (languages, parsed_languages) = Field::read::<Languages>(&form, "languages");
    let (timezone, parsed_timezone) = Field::read::<Timezone>(&form, "timezone");
    let (date_style, parsed_date_style) = Field::read::<DateStyle>(&form, "date_style");
    let filled =
        SettingsPage { name, kind, country, languages, timezone, date_style, ..SettingsPage::new(&member, None) };
    let (Some(name), Some(kind), Some(country), Some(languages), Some(timezone), Some(date_style)) =
        (parsed_name, parsed_kind, parsed_country, parsed_languages, parsed_timezone, parsed_date_style)
    else {
        return Ok(html::render(StatusCode::UNPROCESSABLE_ENTITY, &filled));
    };
    if kind != member.workspace.profile.kind && form.text("confirm_kind") != kind.as_str() {
        return Ok(html::render(StatusCode::UNPROCESSABLE_ENTITY, &SettingsPage { confirm: Some(kind), ..filled }));
    }

    let profile = Profile { name, kind, country, languages, timezone, date_style };
    let actor = member.user.actor(client, app.clock.now());
    let (workspace, current) = (member.workspace.clone(), member.workspace);
    match app.db.write(move |conn| change_profile(conn, &current, &profile, &actor)).await {
        Ok(()) => {
            session.flash("Settings saved.")?;
            Ok(html::redirect(&Section::General.path(&workspace.slug)))
        }
        // The role changed, or the membership ended, since the request began.
        Err(ChangeProfileError::NotAllowed) => Err(PageError::Forbidden(admin_required(&workspace, false))),
        Err(ChangeProfileError::Db(error)) => Err(error.into()),
    }
}
