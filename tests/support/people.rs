//! The people of a [`TestServer`], and what they do through their browsers.

use latchkey::accounts::create::add_user;
use latchkey::accounts::model::{NewUser, User};
use latchkey::accounts::password::NewPassword;
use latchkey::accounts::password_hasher::PasswordHasher;
use latchkey::audit::actor::Actor;
use latchkey::base::random;
use latchkey::db::DbError;
use latchkey::workspaces::create::add_workspace;
use latchkey::workspaces::members::add_member;
use latchkey::workspaces::model::{NewWorkspace, Role, Workspace};
use latchkey::workspaces::profile::WorkspaceKind;

use super::app::{NOON, TestServer};
use super::browser_client::Browser;

/// The password of every user.
pub const PASSWORD: &str = "open the door please";

impl TestServer {
    pub(super) fn add_people(&self) {
        let password = NewPassword::parse(PASSWORD, None, &[]).unwrap();
        let hash = PasswordHasher::insecure_for_tests().hash_blocking(&password, &mut random::os_rng()).unwrap();
        let person = |name: &str| {
            let email = format!("{}@example.org", name.to_lowercase());
            let new =
                NewUser::new(email.parse().unwrap(), name.parse().unwrap(), hash.clone(), NOON, &mut random::os_rng());
            let new = new.with_verified_email();
            self.db.write_blocking(|conn| add_user(conn, &new, None, "test")).unwrap()
        };
        let [alice, bob, charlie, dave] = ["Alice", "Bob", "Charlie", "Dave"].map(person);
        let demo = self.add_workspace("acme-demo", "Acme Demo", WorkspaceKind::Demo);
        let acme = self.add_workspace("acme", "Acme", WorkspaceKind::Production);
        let other = self.add_workspace("other", "Other", WorkspaceKind::Production);
        for (user, workspace, role) in [
            (&alice, &demo, Role::Administrator),
            (&bob, &demo, Role::Editor),
            (&alice, &acme, Role::Administrator),
            (&bob, &acme, Role::Editor),
            (&dave, &acme, Role::Agent),
            (&charlie, &other, Role::Administrator),
        ] {
            self.add_member(user, workspace, role);
        }
    }

    /// Adds a workspace.
    pub fn add_workspace(&self, slug: &str, name: &str, kind: WorkspaceKind) -> Workspace {
        let new =
            NewWorkspace::new(Some(slug.parse().unwrap()), name.parse().unwrap(), kind, NOON, &mut random::os_rng());
        self.db.write_blocking(|conn| add_workspace(conn, &new, &Actor::command_line(NOON))).unwrap()
    }

    /// Adds a member. `last_opened_at` grows with each call.
    pub fn add_member(&self, user: &User, workspace: &Workspace, role: Role) {
        self.clock.advance(std::time::Duration::from_millis(1));
        let actor = Actor::command_line(self.now());
        self.db.write_blocking(|conn| add_member(conn, workspace, user, role, &actor)).unwrap();
    }

    /// A browser with a session of `alice`, `bob`, `charlie` or `dave`.
    pub fn signed_in(&self, name: &str) -> Browser {
        let browser = self.browser();
        let answer = browser.sign_in(&format!("{name}@example.org"), PASSWORD);
        assert_eq!(answer.status, 303, "{name} can't sign in: {}", answer.body);
        browser
    }

    /// The public id of a user.
    pub fn uuid_of(&self, name: &str) -> String {
        self.uuid_of_address(&format!("{name}@example.org"))
    }

    /// The public id of the user with this address.
    pub fn uuid_of_address(&self, email: &str) -> String {
        self.rows(&format!("SELECT uuid AS text FROM users WHERE email = '{email}'")).remove(0)
    }

    /// Makes `bob` or another a member of `acme` as the command line does.
    pub fn add_to_acme(&self, name: &str, role: Role) {
        self.add_to("acme", name, role);
    }

    /// Makes a user a member of a workspace as the command line does.
    pub fn add_to(&self, slug: &str, name: &str, role: Role) {
        let (email, slug) = (format!("{name}@example.org").parse().unwrap(), slug.parse().unwrap());
        let (user, workspace) = self
            .db
            .read_blocking(|conn| {
                let user = latchkey::accounts::store::user_by_email(conn, &email)?.unwrap().0;
                let workspace = latchkey::workspaces::store::workspace_by_slug(conn, &slug)?.unwrap();
                Ok::<_, DbError>((user, workspace))
            })
            .unwrap();
        self.add_member(&user, &workspace, role);
    }

    /// Makes Alice an administrator of every workspace of the server, so that she can vouch for addresses.
    pub fn let_alice_vouch(&self) {
        self.add_to("other", "alice", Role::Administrator);
    }

    /// Marks the address of a user as not verified.
    pub fn unverify(&self, name: &str) {
        self.db_execute(&format!("UPDATE users SET email_verified_at = NULL WHERE email_key = '{name}@example.org'"));
    }

    /// Whether the address of a user is verified.
    pub fn is_verified(&self, email: &str) -> bool {
        let state = "CASE WHEN email_verified_at IS NULL THEN 'no' ELSE 'yes' END";
        self.rows(&format!("SELECT {state} AS text FROM users WHERE email = '{email}'")) == ["yes"]
    }

    /// Creates a token as a person would and returns its value.
    pub fn create_token(&self, browser: &Browser, slug: &str, name: &str) -> String {
        let answer = browser.create_token(slug, name);
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.value()
    }

    /// Creates an invitation into `acme` as Alice would, and returns the link's path.
    pub fn invite(&self, alice: &Browser, role: &str) -> String {
        self.invite_address(alice, "acme", role, "")
    }

    /// Creates an invitation for this address only, and returns the link's path.
    pub fn invite_address(&self, inviter: &Browser, slug: &str, role: &str, email: &str) -> String {
        let path = format!("/w/{slug}/settings/members/invitations");
        let form_key = inviter.get(&path).hidden("form_key");
        let made = inviter.post(&path, &[("role", role), ("email", email), ("form_key", &form_key)]);
        assert_eq!(made.status, 201, "{}", made.body);
        made.link().strip_prefix(&format!("http://{}", self.address)).unwrap().to_owned()
    }

    /// Creates a link to reset a user's password, as the command line does, and returns its path.
    pub fn reset_link(&self, name: &str) -> String {
        let email = format!("{name}@example.org").parse().unwrap();
        let code =
            latchkey::accounts::password_reset::new_link(&self.db, &email, self.now(), &mut random::os_rng()).unwrap();
        format!("/reset/{}", code.reveal())
    }

    /// The route with real things in it: the workspace `acme`; a token, an invitation, and another session of Alice's; Bob
    /// as a member;
    /// the code of an invitation, or of a link to reset Bob's password.
    pub fn real_path(&self, route: &str, alice: &Browser) -> String {
        let path = route.replace("{slug}", "acme");
        if path.starts_with("/reset/") {
            self.reset_link("bob")
        } else if path.starts_with("/invitations/") {
            self.invite(alice, "editor")
        } else if path.starts_with("/account/sessions/{uuid}") {
            let _ = self.signed_in("alice");
            let page = alice.get("/account");
            path.replace("{uuid}", page.between("action=\"/account/sessions/", "/end\"").unwrap())
        } else if path.contains("/invitations/{uuid}") {
            self.invite(alice, "editor");
            let page = alice.get("/w/acme/settings/members/invitations");
            path.replace("{uuid}", page.between("members/invitations/", "/revoke\"").unwrap())
        } else if path.contains("{member}") {
            self.create_token(&self.signed_in("bob"), "acme", "Reporting");
            path.replace("{member}", &self.uuid_of("bob"))
        } else if path.contains("{uuid}") {
            self.create_token(alice, "acme", "Reporting");
            path.replace("{uuid}", alice.delete_path("acme", "Reporting").split('/').nth(5).unwrap())
        } else {
            path
        }
    }

    /// Activates or deactivates a user as the command line does.
    pub fn set_active(&self, name: &str, is_active: bool) {
        let email = format!("{name}@example.org").parse().unwrap();
        latchkey::accounts::access::set_active(&self.db, &email, is_active, self.now()).unwrap().unwrap();
    }
}
