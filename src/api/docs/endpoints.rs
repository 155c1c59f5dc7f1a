//! What there is to call, described once: the page for people and the `OpenAPI` document are both made of this table.
//! `tests/it/api_docs.rs` holds it against the routes and against real answers.

/// One method of one path.
#[derive(Debug)]
pub struct Endpoint {
    /// The method.
    pub method: &'static str,
    /// The path, from the host on.
    pub path: &'static str,
    /// A name that no other has.
    pub id: &'static str,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// What else there is to know, in sentences.
    pub text: &'static str,
    /// Does it ask for no token?
    pub is_open: bool,
    /// What its query may say.
    pub parameters: &'static [Field],
    /// The body of its good answer.
    pub answer: Body,
}

/// The body of a good answer.
#[derive(Debug)]
pub enum Body {
    /// None: 204.
    Nothing,
    /// An object with these fields.
    Object(&'static [Field]),
    /// An `OpenAPI` document.
    OpenApi,
}

/// A field of an object, or a parameter of a query.
#[derive(Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What it says.
    pub text: &'static str,
}

/// What a field holds.
#[derive(Debug)]
pub enum Kind {
    /// Any text.
    Text,
    /// A UUID.
    Uuid,
    /// An e-mail address, which may have letters beyond ASCII.
    Email,
    /// A moment: `2026-11-23T18:21:04.123456Z`.
    Time,
    /// An absolute URL.
    Url,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A list of texts.
    Texts,
    /// Always `null`: what RapidPro has and Latchkey has not.
    Null,
    /// This, or `null`.
    Maybe(&'static Kind),
    /// An object.
    Object(&'static [Field]),
    /// A list of objects.
    Objects(&'static [Field]),
}

impl Kind {
    /// For people.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Uuid => "UUID".to_owned(),
            Self::Email => "e-mail address".to_owned(),
            Self::Time => "time".to_owned(),
            Self::Url => "URL".to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Integer => "number".to_owned(),
            Self::OneOf(words) => words.join(", "),
            Self::Texts => "list of texts".to_owned(),
            Self::Null => "null".to_owned(),
            Self::Maybe(kind) => format!("{} or null", kind.words()),
            Self::Object(fields) => format!("object: {}", names(fields)),
            Self::Objects(fields) => format!("list of objects: {}", names(fields)),
        }
    }
}

fn names(fields: &[Field]) -> String {
    fields.iter().map(|field| field.name).collect::<Vec<_>>().join(", ")
}

const fn field(name: &'static str, kind: Kind, text: &'static str) -> Field {
    Field { name, kind, text }
}

const ROLE: Kind = Kind::OneOf(&["administrator", "editor", "agent"]);

const WORKSPACE: &[Field] = &[
    field("uuid", Kind::Uuid, "The workspace’s identifier."),
    field("name", Kind::Text, "Its name."),
    field("country", Kind::Text, "Two letters (ISO 3166-1 alpha-2), or empty."),
    field("languages", Kind::Texts, "Three letters each (ISO 639-3), the primary one first."),
    field("timezone", Kind::Text, "A name of the IANA time zone database."),
    field("date_style", Kind::OneOf(&["day_first", "month_first", "year_first"]), "How its people write dates."),
    field("anon", Kind::Bool, "Always false: nothing is hidden from the API."),
    field(
        "credits",
        Kind::Object(&[
            field("used", Kind::Integer, "Always -1: nothing is billed."),
            field("remaining", Kind::Integer, "Always -1: nothing is billed."),
        ]),
        "Always -1 each: nothing is billed.",
    ),
    field("primary_language", Kind::Maybe(&Kind::Text), "The first of its languages."),
];

const USER: &[Field] = &[
    field("uuid", Kind::Uuid, "The user’s identifier."),
    field("name", Kind::Text, "What the user is called."),
    field("email", Kind::Email, "The user’s e-mail address."),
    field("role", ROLE, "What the user may do in this workspace."),
    field("team", Kind::Null, "Always null: there are no teams."),
    field("created_on", Kind::Time, "When the user was added to this server."),
    field("avatar", Kind::Null, "Always null: there are no pictures."),
    field("first_name", Kind::Text, "The name up to its first blank."),
    field("last_name", Kind::Text, "The rest of the name; may be empty."),
];

const USERS: &[Field] = &[
    field("next", Kind::Maybe(&Kind::Url), "The next page, if there is one."),
    field("previous", Kind::Maybe(&Kind::Url), "The page before, if there is one."),
    field("results", Kind::Objects(USER), "The users of this page."),
];

const TOKEN: &[Field] = &[
    field("uuid", Kind::Uuid, "The token’s identifier."),
    field("name", Kind::Text, "What its owner calls it."),
    field("hint", Kind::Text, "The last four characters of the value that asks."),
    field(
        "workspace",
        Kind::Object(&[
            field("uuid", Kind::Uuid, "Its identifier."),
            field("slug", Kind::Text, "Its name in URLs."),
            field("name", Kind::Text, "Its name."),
        ]),
        "The workspace that it opens.",
    ),
    field(
        "user",
        Kind::Object(&[
            field("uuid", Kind::Uuid, "Their identifier."),
            field("email", Kind::Email, "Their e-mail address."),
            field("name", Kind::Text, "What they are called."),
        ]),
        "Whose it is.",
    ),
    field("role", ROLE, "What its owner may do at this moment."),
    field("created_on", Kind::Time, "When it was made."),
    field("expires_on", Kind::Maybe(&Kind::Time), "When it expires, if ever."),
    field("last_used_on", Kind::Maybe(&Kind::Time), "When the value that asks was last used; 10 seconds late at most."),
    field("rotating", Kind::Bool, "Do two of its values work at this moment?"),
    field("retires_on", Kind::Maybe(&Kind::Time), "When the older of the two stops."),
];

const MAP: &[Field] = &[
    field("openapi", Kind::Url, "This API as OpenAPI."),
    field("org", Kind::Url, "The workspace, by RapidPro’s name for it."),
    field("token", Kind::Url, "The token that asks."),
    field("users", Kind::Url, "The users of the workspace."),
    field("workspace", Kind::Url, "The workspace."),
];

/// Every endpoint, in the order of the page.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        method: "GET",
        path: "/api/v2/workspace.json",
        id: "workspace",
        summary: "The workspace that the token opens",
        text: "",
        is_open: false,
        parameters: &[],
        answer: Body::Object(WORKSPACE),
    },
    Endpoint {
        method: "GET",
        path: "/api/v2/org.json",
        id: "org",
        summary: "The workspace, by RapidPro’s name for it",
        text: "The same answer as workspace.json.",
        is_open: false,
        parameters: &[],
        answer: Body::Object(WORKSPACE),
    },
    Endpoint {
        method: "GET",
        path: "/api/v2/users.json",
        id: "users",
        summary: "The users of the workspace",
        text: "Members whose account is active, the newest first, 250 a page. For the next page call the URL in next, as it stands.",
        is_open: false,
        parameters: &[field("cursor", Kind::Text, "Where the page begins, as next and previous have it.")],
        answer: Body::Object(USERS),
    },
    Endpoint {
        method: "GET",
        path: "/api/v2/token.json",
        id: "token",
        summary: "The token that asks",
        text: "Never its value.",
        is_open: false,
        parameters: &[],
        answer: Body::Object(TOKEN),
    },
    Endpoint {
        method: "DELETE",
        path: "/api/v2/token.json",
        id: "token_delete",
        summary: "Delete the token that asks",
        text: "At once and for good: for whoever finds a leaked value. Nothing else about tokens can be done with a token.",
        is_open: false,
        parameters: &[],
        answer: Body::Nothing,
    },
    Endpoint {
        method: "GET",
        path: "/api/v2/.json",
        id: "map",
        summary: "A map of the endpoints",
        text: "",
        is_open: true,
        parameters: &[],
        answer: Body::Object(MAP),
    },
    Endpoint {
        method: "GET",
        path: "/api/v2/openapi.json",
        id: "openapi",
        summary: "This API as OpenAPI 3.1",
        text: "For tools that make clients, mocks or tests of it.",
        is_open: true,
        parameters: &[],
        answer: Body::OpenApi,
    },
];

/// An answer that is no good one.
#[derive(Debug)]
pub struct Failure {
    /// Its status.
    pub status: u16,
    /// What it means, and what to do.
    pub text: &'static str,
    /// Does it carry `Retry-After`?
    pub says_when: bool,
}

const fn failure(status: u16, says_when: bool, text: &'static str) -> Failure {
    Failure { status, text, says_when }
}

/// What every endpoint that asks for a token may answer.
pub const FAILURES: &[Failure] = &[
    failure(400, false, "Bearer without a value, with a blank in it, or not text; or two Authorization headers."),
    failure(
        401,
        false,
        "No credentials; or Bearer with a value that is unknown, deleted, retired or expired: WWW-Authenticate says which, and when.",
    ),
    failure(
        403,
        false,
        "The same and every malformed header for Token and Basic, as RapidPro’s clients expect; or a role that may not use the API.",
    ),
    failure(
        429,
        true,
        "The workspace calls too often. Wait as many seconds as Retry-After says; refused calls are not counted.",
    ),
    failure(503, true, "The database does not answer. The token may be good: try again after Retry-After seconds."),
];

/// What every endpoint may answer.
pub const FAILURES_OF_ALL: &[Failure] = &[
    failure(404, false, "Nothing is at this path; or, for users.json, the cursor is not one of ours."),
    failure(405, false, "The path does not take this method; Allow names those it does. OPTIONS asks for them."),
    failure(431, false, "The request’s head is longer than 16 KiB."),
];

impl Endpoint {
    /// The command that calls it.
    #[must_use]
    pub fn curl(&self, origin: &str) -> String {
        let method = if self.method == "GET" { String::new() } else { format!("-X {} ", self.method) };
        let token = if self.is_open { "" } else { "-H \"Authorization: Bearer $LATCHKEY_TOKEN\" " };
        format!("curl {method}{token}{origin}{}", self.path)
    }

    /// The fields of its answer.
    #[must_use]
    pub fn fields(&self) -> &'static [Field] {
        match self.answer {
            Body::Object(fields) => fields,
            Body::Nothing | Body::OpenApi => &[],
        }
    }

    /// The fields of the objects in its lists, and the name of the list.
    #[must_use]
    pub fn listed(&self) -> Option<(&'static str, &'static [Field])> {
        self.fields().iter().find_map(|field| match field.kind {
            Kind::Objects(fields) => Some((field.name, fields)),
            _ => None,
        })
    }
}
