//! Generates an `OpenAPI` 3.1 document from the table of endpoints.

use serde_json::{Map, Value, json};

use crate::api::docs::endpoints::{
    AUTH_ERRORS, COMMON_ERRORS, ENDPOINTS, Endpoint, ErrorResponse, Field, FieldType, ResponseBody,
};

/// The document for a site whose public origin is `origin`.
#[must_use]
pub(super) fn document(origin: &str) -> Value {
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
            "summary": "JSON API for your workspace",
            "description": "Every path also works with a trailing slash, and every GET endpoint supports HEAD. OPTIONS \
                            returns 204 with Allow. A token in the query string or the body is never accepted.",
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
                    "description": "Authorization: Token VALUE, as in RapidPro.",
                },
                "basic": {
                    "type": "http", "scheme": "basic",
                    "description": "The owner’s email address and the value, as in RapidPro.",
                },
            },
            "schemas": {
                "Problem": {
                    "type": "object",
                    "required": ["detail"],
                    "additionalProperties": false,
                    "properties": {
                        "detail": {"type": "string", "description": "The error message. Where RapidPro has the same error, the text is RapidPro’s."},
                        "error": {
                            "type": "string",
                            "enum": ["invalid_request", "invalid_token", "insufficient_scope"],
                            "description": "The error code of RFC 6750, for Bearer.",
                        },
                    },
                },
            },
        },
    })
}

fn operation(endpoint: &Endpoint) -> Value {
    let mut responses = Map::new();
    let (status, mut success) = match &endpoint.answer {
        ResponseBody::Nothing => ("204", json!({"description": "Success."})),
        ResponseBody::Object(fields) => {
            ("200", json!({"description": endpoint.summary, "content": content(&object(fields))}))
        }
        ResponseBody::OpenApi => {
            ("200", json!({"description": endpoint.summary, "content": content(&json!({"type": "object"}))}))
        }
    };
    if !endpoint.is_open {
        success["headers"] = json!({
            "X-Temba-Workspace": {"description": "The workspace’s ID.", "required": true, "schema": schema(&FieldType::Uuid)},
        });
    }
    responses.insert(status.to_owned(), success);
    let auth_errors: &[ErrorResponse] = if endpoint.is_open { &[] } else { AUTH_ERRORS };
    for failure in auth_errors.iter().chain(COMMON_ERRORS) {
        responses.insert(failure.status.to_string(), error_response(failure));
    }
    let parameters: Vec<Value> = endpoint
        .parameters
        .iter()
        .map(|field| {
            json!({"name": field.name, "in": "query", "description": field.text, "schema": schema(&field.kind)})
        })
        .collect();
    let mut operation = json!({
        "operationId": endpoint.id,
        "summary": endpoint.summary,
        "parameters": parameters,
        "responses": responses,
    });
    if !endpoint.text.is_empty() {
        operation["description"] = json!(endpoint.text);
    }
    if endpoint.is_open {
        operation["security"] = json!([]);
    }
    operation
}

fn error_response(failure: &ErrorResponse) -> Value {
    let mut response = json!({
        "description": failure.text,
        "content": content(&json!({"$ref": "#/components/schemas/Problem"})),
    });
    if failure.has_retry_after {
        response["headers"] = json!({
            "Retry-After": {"description": "Seconds to wait.", "required": true, "schema": {"type": "integer", "minimum": 1}},
        });
    } else if failure.status == 401 {
        response["headers"] = json!({
            "WWW-Authenticate": {"description": "RFC 6750, section 3; a second one offers Basic.", "required": true, "schema": {"type": "string"}},
        });
    } else if failure.status == 405 {
        response["headers"] = json!({
            "Allow": {"description": "The methods that the path supports.", "required": true, "schema": {"type": "string"}},
        });
    }
    response
}

fn content(schema: &Value) -> Value {
    json!({"application/json": {"schema": schema}})
}

fn object(fields: &[Field]) -> Value {
    let names: Vec<_> = fields.iter().map(|field| field.name).collect();
    let properties: Map<String, Value> = fields
        .iter()
        .map(|field| {
            let mut property = schema(&field.kind);
            property["description"] = json!(field.text);
            (field.name.to_owned(), property)
        })
        .collect();
    json!({"type": "object", "required": names, "additionalProperties": false, "properties": properties})
}

fn schema(kind: &FieldType) -> Value {
    match kind {
        // Not `format: email`, which allows ASCII only.
        FieldType::Text | FieldType::Email => json!({"type": "string"}),
        FieldType::Uuid => json!({"type": "string", "format": "uuid"}),
        FieldType::Time => json!({"type": "string", "format": "date-time"}),
        FieldType::Url => json!({"type": "string", "format": "uri"}),
        FieldType::Bool => json!({"type": "boolean"}),
        FieldType::Integer => json!({"type": "integer"}),
        FieldType::OneOf(values) => json!({"type": "string", "enum": values}),
        FieldType::Texts => json!({"type": "array", "items": {"type": "string"}}),
        FieldType::Null => json!({"type": "null"}),
        FieldType::Nullable(inner) => {
            let mut nullable = schema(inner);
            nullable["type"] = json!([nullable["type"], "null"]);
            nullable
        }
        FieldType::Object(fields) => object(fields),
        FieldType::Objects(fields) => json!({"type": "array", "items": object(fields)}),
    }
}
