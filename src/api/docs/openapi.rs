//! The table of endpoints as an `OpenAPI` 3.1 document.

use serde_json::{Map, Value, json};

use crate::api::docs::endpoints::{
    AUTH_ERRORS, COMMON_ERRORS, ENDPOINTS, Endpoint, ErrorResponse, Field, FieldType, ResponseBody,
};

/// The document of a site that is reached at `origin`.
#[must_use]
pub fn document(origin: &str) -> Value {
    let mut paths = Map::new();
    for endpoint in ENDPOINTS {
        let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        path[endpoint.method.to_lowercase()] = operation(endpoint);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Latchkey",
            "version": "2",
            "summary": "What personal API tokens open",
            "description": "Every path also answers with a slash at its end, every GET also to HEAD, and every path \
                            to OPTIONS (204 with Allow). A value is never accepted in a query or a body.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": origin}],
        "security": [{"bearer": []}, {"token": []}, {"basic": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "Authorization: Bearer VALUE (RFC 6750)."},
                "token": {
                    "type": "apiKey", "in": "header", "name": "Authorization",
                    "description": "Authorization: Token VALUE, as RapidPro has it.",
                },
                "basic": {
                    "type": "http", "scheme": "basic",
                    "description": "The owner’s e-mail address and the value, as RapidPro has it.",
                },
            },
            "schemas": {
                "Problem": {
                    "type": "object",
                    "required": ["detail"],
                    "additionalProperties": false,
                    "properties": {
                        "detail": {"type": "string", "description": "What happened, in the words that RapidPro’s clients know."},
                        "error": {
                            "type": "string",
                            "enum": ["invalid_request", "invalid_token", "insufficient_scope"],
                            "description": "RFC 6750’s code, for Bearer.",
                        },
                    },
                },
            },
        },
    })
}

fn operation(endpoint: &Endpoint) -> Value {
    let mut answers = Map::new();
    let (status, good) = match &endpoint.answer {
        ResponseBody::Nothing => ("204", json!({"description": "Done."})),
        ResponseBody::Object(fields) => {
            ("200", json!({"description": endpoint.summary, "content": content(&object(fields))}))
        }
        ResponseBody::OpenApi => {
            ("200", json!({"description": endpoint.summary, "content": content(&json!({"type": "object"}))}))
        }
    };
    let mut good = good;
    if !endpoint.is_open {
        good["headers"] = json!({
            "X-Temba-Workspace": {"description": "The workspace’s identifier.", "required": true, "schema": kind(&FieldType::Uuid)},
        });
    }
    answers.insert(status.to_owned(), good);
    let of_callers: &[ErrorResponse] = if endpoint.is_open { &[] } else { AUTH_ERRORS };
    for failure in of_callers.iter().chain(COMMON_ERRORS) {
        answers.insert(failure.status.to_string(), problem(failure));
    }
    let parameters: Vec<Value> = endpoint
        .parameters
        .iter()
        .map(|it| json!({"name": it.name, "in": "query", "description": it.text, "schema": kind(&it.kind)}))
        .collect();
    let mut operation = json!({
        "operationId": endpoint.id,
        "summary": endpoint.summary,
        "parameters": parameters,
        "responses": answers,
    });
    if !endpoint.text.is_empty() {
        operation["description"] = json!(endpoint.text);
    }
    if endpoint.is_open {
        operation["security"] = json!([]);
    }
    operation
}

fn problem(failure: &ErrorResponse) -> Value {
    let mut answer = json!({
        "description": failure.text,
        "content": content(&json!({"$ref": "#/components/schemas/Problem"})),
    });
    if failure.has_retry_after {
        answer["headers"] = json!({
            "Retry-After": {"description": "Seconds to wait.", "required": true, "schema": {"type": "integer", "minimum": 1}},
        });
    } else if failure.status == 401 {
        answer["headers"] = json!({
            "WWW-Authenticate": {"description": "RFC 6750, section 3.", "required": true, "schema": {"type": "string"}},
        });
    } else if failure.status == 405 {
        answer["headers"] = json!({
            "Allow": {"description": "The methods that the path takes.", "required": true, "schema": {"type": "string"}},
        });
    }
    answer
}

fn content(schema: &Value) -> Value {
    json!({"application/json": {"schema": schema}})
}

fn object(fields: &[Field]) -> Value {
    let names: Vec<_> = fields.iter().map(|field| field.name).collect();
    let properties: Map<String, Value> = fields
        .iter()
        .map(|field| {
            let mut schema = kind(&field.kind);
            schema["description"] = json!(field.text);
            (field.name.to_owned(), schema)
        })
        .collect();
    json!({"type": "object", "required": names, "additionalProperties": false, "properties": properties})
}

fn kind(of: &FieldType) -> Value {
    match of {
        // Not `format: email`, which knows ASCII alone.
        FieldType::Text | FieldType::Email => json!({"type": "string"}),
        FieldType::Uuid => json!({"type": "string", "format": "uuid"}),
        FieldType::Time => json!({"type": "string", "format": "date-time"}),
        FieldType::Url => json!({"type": "string", "format": "uri"}),
        FieldType::Bool => json!({"type": "boolean"}),
        FieldType::Integer => json!({"type": "integer"}),
        FieldType::OneOf(words) => json!({"type": "string", "enum": words}),
        FieldType::Texts => json!({"type": "array", "items": {"type": "string"}}),
        FieldType::Null => json!({"type": "null"}),
        FieldType::Nullable(inner) => {
            let mut schema = kind(inner);
            schema["type"] = json!([schema["type"], "null"]);
            schema
        }
        FieldType::Object(fields) => object(fields),
        FieldType::Objects(fields) => json!({"type": "array", "items": object(fields)}),
    }
}
