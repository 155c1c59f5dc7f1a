//! The table of API endpoints, from which the reference page and the `OpenAPI` document are generated. Tests compare it
//! with the routes and with actual responses.

/// One method of one path.
#[derive(Debug)]
pub(super) struct Endpoint {
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
pub(super) enum ResponseBody {
    /// No body: 204.
    Nothing,
    /// An object with these fields.
    Object(&'static [Field]),
    /// An `OpenAPI` document.
    OpenApi,
}

/// A field of an object, or a query parameter.
#[derive(Debug)]
pub(super) struct Field {
    /// Name in JSON or in the query.
    pub name: &'static str,
    /// Type of the value.
    pub kind: FieldType,
    /// Description, in sentences.
    pub text: &'static str,
}

/// Type of a field.
#[derive(Debug)]
pub(super) enum FieldType {
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
    /// The type as text for the reference page.
    #[must_use]
    pub(super) fn label(&self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Uuid => "UUID".to_owned(),
            Self::Email => "email address".to_owned(),
            Self::Time => "time".to_owned(),
            Self::Url => "URL".to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Integer => "number".to_owned(),
            Self::OneOf(values) => values.join(", "),
            Self::Texts => "list of text".to_owned(),
            Self::Null => "null".to_owned(),
            Self::Nullable(kind) => format!("{} or null", kind.label()),
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
    field("uuid", FieldType::Uuid, "The workspace’s ID."),
    field("name", FieldType::Text, "The workspace’s name."),
    field("country", FieldType::Text, "Two-letter country code (ISO 3166-1 alpha-2), or empty."),
    field("languages", FieldType::Texts, "Three-letter codes (ISO 639-3), primary language first."),
    field("timezone", FieldType::Text, "IANA time zone name."),
    field("date_style", FieldType::OneOf(&["day_first", "month_first", "year_first"]), "The workspace’s date format."),
    field("anon", FieldType::Bool, "Always false: the API hides no personal data."),
    field(
        "credits",
        FieldType::Object(&[
            field("used", FieldType::Integer, "Always -1: nothing is billed."),
            field("remaining", FieldType::Integer, "Always -1: nothing is billed."),
        ]),
        "Both are always -1: nothing is billed.",
    ),
    field("primary_language", FieldType::Nullable(&FieldType::Text), "The first language code."),
];

const USER: &[Field] = &[
    field("uuid", FieldType::Uuid, "The user’s ID."),
    field("name", FieldType::Text, "The user’s name."),
    field("email", FieldType::Email, "The user’s email address. It need not be verified."),
    field("role", ROLE, "The user’s role in this workspace."),
    field("team", FieldType::Null, "Always null: there are no teams."),
    field("created_on", FieldType::Time, "When the user was added to this server."),
    field("avatar", FieldType::Null, "Always null: there are no avatars."),
    field("first_name", FieldType::Text, "The name up to the first space."),
    field("last_name", FieldType::Text, "The rest of the name. May be empty."),
];

const USERS: &[Field] = &[
    field("next", FieldType::Nullable(&FieldType::Url), "URL of the next page, if there is one."),
    field("previous", FieldType::Nullable(&FieldType::Url), "URL of the previous page, if there is one."),
    field("results", FieldType::Objects(USER), "The users on this page."),
];

const TOKEN: &[Field] = &[
    field("uuid", FieldType::Uuid, "The token’s ID."),
    field("name", FieldType::Text, "The token’s name."),
    field("hint", FieldType::Text, "The last four characters of the value in the request."),
    field(
        "workspace",
        FieldType::Object(&[
            field("uuid", FieldType::Uuid, "The workspace’s ID."),
            field("slug", FieldType::Text, "The workspace’s name in URLs."),
            field("name", FieldType::Text, "The workspace’s name."),
        ]),
        "The token’s workspace.",
    ),
    field(
        "user",
        FieldType::Object(&[
            field("uuid", FieldType::Uuid, "The owner’s ID."),
            field("email", FieldType::Email, "The owner’s email address. It need not be verified."),
            field("name", FieldType::Text, "The owner’s name."),
        ]),
        "The token’s owner.",
    ),
    field("role", ROLE, "The owner’s current role."),
    field("created_on", FieldType::Time, "When the token was created."),
    field("expires_on", FieldType::Nullable(&FieldType::Time), "When the token expires. Null for no expiration."),
    field(
        "last_used_on",
        FieldType::Nullable(&FieldType::Time),
        "When the value in the request was last used. May be up to 10 seconds behind.",
    ),
    field("rotating", FieldType::Bool, "Whether the token is being rotated and two values work."),
    field("retires_on", FieldType::Nullable(&FieldType::Time), "When the old value stops working, during a rotation."),
    field(
        "calls_30d",
        FieldType::Integer,
        "Accepted calls with any value of the token on the latest 30 days, today included, in UTC. May be up to 10 seconds behind.",
    ),
    field("note", FieldType::Nullable(&FieldType::Text), "The owner’s note about the token, if there is one."),
];

const MAP: &[Field] = &[
    field("openapi", FieldType::Url, "The OpenAPI document."),
    field("org", FieldType::Url, "The workspace, under RapidPro’s name."),
    field("token", FieldType::Url, "The current token."),
    field("users", FieldType::Url, "The users of the workspace."),
    field("workspace", FieldType::Url, "The workspace."),
];

/// All endpoints, in the order of the page.
pub(super) const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        method: "GET",
        path: "/api/v2/workspace.json",
        id: "workspace",
        summary: "The token’s workspace",
        text: "",
        is_open: false,
        parameters: &[],
        answer: ResponseBody::Object(WORKSPACE),
    },
    Endpoint {
        method: "GET",
        path: "/api/v2/org.json",
        id: "org",
        summary: "The workspace, under RapidPro’s name",
        text: "Returns the same response as workspace.json.",
        is_open: false,
        parameters: &[],
        answer: ResponseBody::Object(WORKSPACE),
    },
    Endpoint {
        method: "GET",
        path: "/api/v2/users.json",
        id: "users",
        summary: "The users of the workspace",
        text: "Active members of the workspace, newest first, 250 per page. To get the next page, request the URL in next unchanged.",
        is_open: false,
        parameters: &[field("cursor", FieldType::Text, "The position of the page, taken from next or previous.")],
        answer: ResponseBody::Object(USERS),
    },
    Endpoint {
        method: "GET",
        path: "/api/v2/token.json",
        id: "token",
        summary: "The current token",
        text: "The response never includes its value.",
        is_open: false,
        parameters: &[],
        answer: ResponseBody::Object(TOKEN),
    },
    Endpoint {
        method: "DELETE",
        path: "/api/v2/token.json",
        id: "token_delete",
        summary: "Delete the current token",
        text: "The deletion is immediate and permanent. Use it if you find a leaked value. A token can’t manage tokens in any other way.",
        is_open: false,
        parameters: &[],
        answer: ResponseBody::Nothing,
    },
    Endpoint {
        method: "GET",
        path: "/api/v2/.json",
        id: "map",
        summary: "List of endpoints",
        text: "",
        is_open: true,
        parameters: &[],
        answer: ResponseBody::Object(MAP),
    },
    Endpoint {
        method: "GET",
        path: "/api/v2/openapi.json",
        id: "openapi",
        summary: "OpenAPI 3.1 document",
        text: "For tools that generate clients, mocks or tests.",
        is_open: true,
        parameters: &[],
        answer: ResponseBody::OpenApi,
    },
];

/// An error response.
#[derive(Debug)]
pub(super) struct ErrorResponse {
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
pub(super) const AUTH_ERRORS: &[ErrorResponse] = &[
    failure(
        400,
        false,
        "Bearer without a value, or with a value that contains a space or is not text. Also for two Authorization headers.",
    ),
    failure(
        401,
        false,
        "No credentials, or Bearer with a value that is unknown, deleted, stopped or expired. WWW-Authenticate gives the reason, and the time if the value was once valid. A second challenge offers Basic.",
    ),
    failure(
        403,
        false,
        "With Token and Basic: any invalid value or malformed header, as RapidPro’s clients expect. Also for a role that can’t use the API.",
    ),
    failure(
        429,
        true,
        "Too many requests from this workspace. Wait for the number of seconds in Retry-After. Rejected requests don’t count.",
    ),
    failure(
        503,
        true,
        "The database is unavailable. The token may still be valid. Try again after the number of seconds in Retry-After.",
    ),
];

/// Error responses of every endpoint.
pub(super) const COMMON_ERRORS: &[ErrorResponse] = &[
    failure(404, false, "Unknown path, or an invalid cursor for users.json."),
    failure(
        405,
        false,
        "The path doesn’t support this method. The Allow header lists the supported methods, as does an OPTIONS request.",
    ),
    failure(431, false, "The request headers are larger than 16 KiB."),
];

impl Endpoint {
    /// A curl command that calls the endpoint.
    #[must_use]
    pub(super) fn curl(&self, origin: &str) -> String {
        let method = if self.method == "GET" { String::new() } else { format!("-X {} ", self.method) };
        let token = if self.is_open { "" } else { "-H \"Authorization: Bearer $LATCHKEY_TOKEN\" " };
        format!("curl {method}{token}{origin}{}", self.path)
    }

    /// Fields of the response; empty if the body is not an object of known fields.
    #[must_use]
    pub(super) fn fields(&self) -> &'static [Field] {
        match self.answer {
            ResponseBody::Object(fields) => fields,
            ResponseBody::Nothing | ResponseBody::OpenApi => &[],
        }
    }

    /// Name of the response's list field, and the fields of its items.
    #[must_use]
    pub(super) fn item_fields(&self) -> Option<(&'static str, &'static [Field])> {
        self.fields().iter().find_map(|field| match field.kind {
            FieldType::Objects(fields) => Some((field.name, fields)),
            _ => None,
        })
    }
}
