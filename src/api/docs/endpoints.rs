//! The table of API endpoints, from which the reference page and the `OpenAPI` document are generated. Tests compare it
//! with the routes and with actual responses.

/// One method of one path.
#[derive(Debug)]
pub struct Endpoint {
    /// The method.
    pub method: &'static str,
    /// The absolute path.
    pub path: &'static str,
    /// Unique name; the `operationId` of the `OpenAPI` document.
    pub id: &'static str,
    /// Short description, without a full stop.
    pub summary: &'static str,
    /// Further sentences; may be empty.
    pub text: &'static str,
    /// Whether it needs no token.
    pub is_open: bool,
    /// Query parameters.
    pub parameters: &'static [Field],
    /// Body of a successful response.
    pub answer: ResponseBody,
}

/// Body of a successful response.
#[derive(Debug)]
pub enum ResponseBody {
    /// No body: 204.
    Nothing,
    /// An object with these fields.
    Object(&'static [Field]),
    /// An `OpenAPI` document.
    OpenApi,
}

/// A field of an object, or a query parameter.
#[derive(Debug)]
pub struct Field {
    /// Name in JSON or in the query.
    pub name: &'static str,
    /// Type of the value.
    pub kind: FieldType,
    /// Description, in sentences.
    pub text: &'static str,
}

/// Type of a field.
#[derive(Debug)]
pub enum FieldType {
    /// Any text.
    Text,
    /// A UUID.
    Uuid,
    /// An email address, which may contain characters outside ASCII.
    Email,
    /// A timestamp (RFC 3339): `2026-11-23T18:21:04.123456Z`.
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
    /// Always `null`: a RapidPro field that Latchkey does not support.
    Null,
    /// The inner type or `null`.
    Nullable(&'static FieldType),
    /// An object.
    Object(&'static [Field]),
    /// A list of objects.
    Objects(&'static [Field]),
}

impl FieldType {
    /// Text for the reference page.
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
            Self::OneOf(values) => values.join(", "),
            Self::Texts => "list of texts".to_owned(),
            Self::Null => "null".to_owned(),
            Self::Nullable(kind) => format!("{} or null", kind.words()),
            Self::Object(fields) => format!("object: {}", join_names(fields)),
            Self::Objects(fields) => format!("list of objects: {}", join_names(fields)),
        }
    }
}

fn join_names(fields: &[Field]) -> String {
    fields.iter().map(|field| field.name).collect::<Vec<_>>().join(", ")
}

const fn field(name: &'static str, kind: FieldType, text: &'static str) -> Field {
    Field { name, kind, text }
}

const ROLE: FieldType = FieldType::OneOf(&["administrator", "editor", "agent"]);

const WORKSPACE: &[Field] = &[
    field("uuid", FieldType::Uuid, "The workspace’s identifier."),
    field("name", FieldType::Text, "Its name."),
    field("country", FieldType::Text, "Two letters (ISO 3166-1 alpha-2), or empty."),
    field("languages", FieldType::Texts, "Three letters each (ISO 639-3), the primary one first."),
    field("timezone", FieldType::Text, "A name of the IANA time zone database."),
    field("date_style", FieldType::OneOf(&["day_first", "month_first", "year_first"]), "How its people write dates."),
    field("anon", FieldType::Bool, "Always false: nothing is hidden from the API."),
    field(
        "credits",
        FieldType::Object(&[
            field("used", FieldType::Integer, "Always -1: nothing is billed."),
            field("remaining", FieldType::Integer, "Always -1: nothing is billed."),
        ]),
        "Always -1 each: nothing is billed.",
    ),
    field("primary_language", FieldType::Nullable(&FieldType::Text), "The first of its languages."),
];

const USER: &[Field] = &[
    field("uuid", FieldType::Uuid, "The user’s identifier."),
    field("name", FieldType::Text, "What the user is called."),
    field("email", FieldType::Email, "The user’s e-mail address."),
    field("role", ROLE, "What the user may do in this workspace."),
    field("team", FieldType::Null, "Always null: there are no teams."),
    field("created_on", FieldType::Time, "When the user was added to this server."),
    field("avatar", FieldType::Null, "Always null: there are no pictures."),
    field("first_name", FieldType::Text, "The name up to its first blank."),
    field("last_name", FieldType::Text, "The rest of the name; may be empty."),
];

const USERS: &[Field] = &[
    field("next", FieldType::Nullable(&FieldType::Url), "The next page, if there is one."),
    field("previous", FieldType::Nullable(&FieldType::Url), "The page before, if there is one."),
    field("results", FieldType::Objects(USER), "The users of this page."),
];

const TOKEN: &[Field] = &[
    field("uuid", FieldType::Uuid, "The token’s identifier."),
    field("name", FieldType::Text, "What its owner calls it."),
    field("hint", FieldType::Text, "The last four characters of the value that asks."),
    field(
        "workspace",
        FieldType::Object(&[
            field("uuid", FieldType::Uuid, "Its identifier."),
            field("slug", FieldType::Text, "Its name in URLs."),
            field("name", FieldType::Text, "Its name."),
        ]),
        "The workspace that it opens.",
    ),
    field(
        "user",
        FieldType::Object(&[
            field("uuid", FieldType::Uuid, "Their identifier."),
            field("email", FieldType::Email, "Their e-mail address."),
            field("name", FieldType::Text, "What they are called."),
        ]),
        "Whose it is.",
    ),
    field("role", ROLE, "What its owner may do at this moment."),
    field("created_on", FieldType::Time, "When it was made."),
    field("expires_on", FieldType::Nullable(&FieldType::Time), "When it expires, if ever."),
    field(
        "last_used_on",
        FieldType::Nullable(&FieldType::Time),
        "When the value that asks was last used; 10 seconds late at most.",
    ),
    field("rotating", FieldType::Bool, "Do two of its values work at this moment?"),
    field("retires_on", FieldType::Nullable(&FieldType::Time), "When the older of the two stops."),
];

const MAP: &[Field] = &[
    field("openapi", FieldType::Url, "This API as OpenAPI."),
    field("org", FieldType::Url, "The workspace, by RapidPro’s name for it."),
    field("token", FieldType::Url, "The token that asks."),
    field("users", FieldType::Url, "The users of the workspace."),
    field("workspace", FieldType::Url, "The workspace."),
];

/// All endpoints, in the order of the page.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        method: "GET",
        path: "/api/v2/workspace.json",
        id: "workspace",
        summary: "The workspace that the token opens",
        text: "",
        is_open: false,
        parameters: &[],
        answer: ResponseBody::Object(WORKSPACE),
    },
    Endpoint {
        method: "GET",
        path: "/api/v2/org.json",
        id: "org",
        summary: "The workspace, by RapidPro’s name for it",
        text: "The same answer as workspace.json.",
        is_open: false,
        parameters: &[],
        answer: ResponseBody::Object(WORKSPACE),
    },
    Endpoint {
        method: "GET",
        path: "/api/v2/users.json",
        id: "users",
        summary: "The users of the workspace",
        text: "Members whose account is active, the newest first, 250 a page. For the next page call the URL in next, as it stands.",
        is_open: false,
        parameters: &[field("cursor", FieldType::Text, "Where the page begins, as next and previous have it.")],
        answer: ResponseBody::Object(USERS),
    },
    Endpoint {
        method: "GET",
        path: "/api/v2/token.json",
        id: "token",
        summary: "The token that asks",
        text: "Never its value.",
        is_open: false,
        parameters: &[],
        answer: ResponseBody::Object(TOKEN),
    },
    Endpoint {
        method: "DELETE",
        path: "/api/v2/token.json",
        id: "token_delete",
        summary: "Delete the token that asks",
        text: "At once and for good: for whoever finds a leaked value. Nothing else about tokens can be done with a token.",
        is_open: false,
        parameters: &[],
        answer: ResponseBody::Nothing,
    },
    Endpoint {
        method: "GET",
        path: "/api/v2/.json",
        id: "map",
        summary: "A map of the endpoints",
        text: "",
        is_open: true,
        parameters: &[],
        answer: ResponseBody::Object(MAP),
    },
    Endpoint {
        method: "GET",
        path: "/api/v2/openapi.json",
        id: "openapi",
        summary: "This API as OpenAPI 3.1",
        text: "For tools that make clients, mocks or tests of it.",
        is_open: true,
        parameters: &[],
        answer: ResponseBody::OpenApi,
    },
];

/// An error response.
#[derive(Debug)]
pub struct ErrorResponse {
    /// HTTP status.
    pub status: u16,
    /// Meaning of the status, and what the client can do.
    pub text: &'static str,
    /// Whether the response has `Retry-After`.
    pub has_retry_after: bool,
}

const fn failure(status: u16, has_retry_after: bool, text: &'static str) -> ErrorResponse {
    ErrorResponse { status, text, has_retry_after }
}

/// Error responses of every endpoint that needs a token.
pub const AUTH_ERRORS: &[ErrorResponse] = &[
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

/// Error responses of every endpoint.
pub const COMMON_ERRORS: &[ErrorResponse] = &[
    failure(404, false, "Nothing is at this path; or, for users.json, the cursor is not one of ours."),
    failure(405, false, "The path does not take this method; Allow names those it does. OPTIONS asks for them."),
    failure(431, false, "The request’s head is longer than 16 KiB."),
];

impl Endpoint {
    /// A curl command that calls the endpoint.
    #[must_use]
    pub fn curl(&self, origin: &str) -> String {
        let method = if self.method == "GET" { String::new() } else { format!("-X {} ", self.method) };
        let token = if self.is_open { "" } else { "-H \"Authorization: Bearer $LATCHKEY_TOKEN\" " };
        format!("curl {method}{token}{origin}{}", self.path)
    }

    /// Fields of the response; empty if the body is not an object of known fields.
    #[must_use]
    pub fn fields(&self) -> &'static [Field] {
        match self.answer {
            ResponseBody::Object(fields) => fields,
            ResponseBody::Nothing | ResponseBody::OpenApi => &[],
        }
    }

    /// Name of the response's list field, and the fields of its items.
    #[must_use]
    pub fn item_fields(&self) -> Option<(&'static str, &'static [Field])> {
        self.fields().iter().find_map(|field| match field.kind {
            FieldType::Objects(fields) => Some((field.name, fields)),
            _ => None,
        })
    }
}
