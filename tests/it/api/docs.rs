//! The documentation of the API: the page, the `OpenAPI` document and the index.

use std::collections::BTreeSet;

use latchkey::routes::API;
use serde_json::Value;

use crate::support::{TestServer, https_settings};

fn openapi(server: &TestServer) -> Value {
    let answer = server.api("GET", "/api/v2/openapi.json").send();
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    answer.json()
}

/// Every method and path of the routes.
fn lines() -> impl Iterator<Item = (&'static str, &'static str)> {
    API.iter().flat_map(|(path, methods)| methods.iter().map(move |method| (*method, *path)))
}

#[db_test]
fn the_page_and_the_openapi_document_name_every_route_and_no_other() {
    let server = TestServer::start();
    let (document, page) = (openapi(&server), server.api("GET", "/api/v2/").send());
    assert_eq!((document["openapi"].as_str(), page.status), (Some("3.1.0"), 200));
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        described.extend(methods.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone())));
    }
    let routes = lines().map(|(method, path)| (method.to_owned(), path.to_owned())).collect::<BTreeSet<_>>();
    assert_eq!(described, routes);
    for (method, path) in lines() {
        assert!(page.body.contains(&format!("<code>{method} {path}</code>")), "{method} {path} is not on the page");
        let shown = page.body.replace("&#34;", "\"");
        let verb = if method == "GET" { String::new() } else { format!("-X {method} ") };
        let token = "-H \"Authorization: Bearer $LATCHKEY_TOKEN\" ";
        let url = format!("http://{}{path}", server.address);
        assert!(
            shown.contains(&format!(">curl {verb}{token}{url}<")) || shown.contains(&format!(">curl {url}<")),
            "{method} {path} has no command"
        );
    }
    for path in ["workspace", "users", "token", ""] {
        let answer = &document["paths"][format!("/api/v2/{path}.json")]["get"]["responses"]["200"];
        let fields = &answer["content"]["application/json"]["schema"]["properties"];
        let listed = fields["results"]["items"]["properties"].as_object();
        for (field, _) in fields.as_object().unwrap().iter().chain(listed.into_iter().flatten()) {
            assert!(page.body.contains(&format!("<code>{field}</code>")), "{field} of {path}");
        }
    }
}

/// What an answer has that its description lacks, or the other way round.
fn compare(schema: &Value, value: &Value, place: &str, wrong: &mut Vec<String>) {
    let is_one = |name: &str| match &schema["type"] {
        Value::String(only) => only == name,
        Value::Array(several) => several.iter().any(|it| it == name),
        _ => false,
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if !is_one(kind) {
        wrong.push(format!("{place} is {kind} and not {}", schema["type"]));
    }
    if let (Some(fields), Some(described)) = (value.as_object(), schema["properties"].as_object()) {
        let (has, says): (BTreeSet<_>, BTreeSet<_>) = (fields.keys().collect(), described.keys().collect());
        if has != says {
            wrong.push(format!("{place} has {has:?} and says {says:?}"));
        }
        for (name, inner) in fields {
            compare(described.get(name).unwrap_or(&Value::Null), inner, &format!("{place}.{name}"), wrong);
        }
    }
    for item in value.as_array().into_iter().flatten() {
        compare(&schema["items"], item, &format!("{place}[]"), wrong);
    }
}

#[db_test]
fn answers_have_the_documented_fields() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let document = openapi(&server);
    let mut wrong = Vec::new();
    for (method, path) in lines().filter(|(method, _)| *method == "GET") {
        let schema = &document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        let answer = server.api(method, path).bearer(&value).send();
        assert_eq!((answer.status, schema.is_object()), (200, true), "{path}");
        compare(schema, &answer.json(), path, &mut wrong);
    }
    assert_eq!(wrong, Vec::<String>::new());
    compare(
        &serde_json::json!({"type": "object", "properties": {"a": {"type": "null"}}}),
        &serde_json::json!({"b": 1}),
        "x",
        &mut wrong,
    );
    assert_eq!(wrong.len(), 2, "the comparison sees what is wrong: {wrong:?}");
}

#[db_test]
fn the_api_index_links_to_every_endpoint_by_absolute_urls() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    let names = BTreeSet::from(["openapi", "org", "token", "users", "workspace"]);
    for path in ["/api/v2/.json", "/api/v2/.json/"] {
        let map = server.api("GET", path).send().json();
        let map = map.as_object().unwrap();
        assert_eq!(map.keys().map(String::as_str).collect::<BTreeSet<_>>(), names);
        for url in map.values() {
            let here = url.as_str().unwrap().strip_prefix(&format!("http://{}", server.address)).unwrap().to_owned();
            assert_eq!(server.api("GET", &here).bearer(&value).send().status, 200, "{here}");
        }
    }
    let behind_tls = TestServer::start_with(https_settings());
    let map = behind_tls.api("GET", "/api/v2/.json").send().json();
    assert_eq!(map["workspace"], "https://tokens.example/api/v2/workspace.json");
    assert_eq!(openapi(&behind_tls)["servers"][0]["url"], "https://tokens.example");
}

#[db_test]
fn the_api_page_is_public_under_each_of_its_paths() {
    let server = TestServer::start();
    let page = server.api("GET", "/api/v2/").send();
    assert_eq!((page.status, &*page.title(), page.header("set-cookie")), (200, "API · Latchkey", ""));
    for path in ["/api", "/api/", "/api/v2"] {
        assert_eq!(server.api("GET", path).send().whole(), page.whole(), "{path}");
    }
    assert_eq!(server.signed_in("alice").get("/api/v2/").whole(), page.whole(), "signed out or in");
    let text = page.text();
    for words in
        ["Authorization: Bearer", "Authorization: Token", "Authorization: Basic", "401", "429", "503", "Retry-After"]
    {
        assert!(text.contains(words), "{words}");
    }
    assert!(page.body.len() < 24_000, "with style and script below 30 KB: {}", page.body.len());
    let overview = server.signed_in("alice").get("/w/acme");
    assert!(overview.body.contains("href=\"/api/v2/\""), "a way leads there");
}

#[db_test]
fn every_path_answers_head_and_options_with_and_without_a_slash() {
    let server = TestServer::start();
    let value = server.create_token(&server.signed_in("alice"), "acme", "Reporting");
    for (path, methods) in API.iter().chain(latchkey::routes::API_PAGES) {
        let allow: Vec<_> = methods.iter().map(|method| if *method == "GET" { "GET, HEAD" } else { method }).collect();
        let allow = format!("{}, OPTIONS", allow.join(", "));
        for path in [(*path).to_owned(), format!("{path}/")] {
            let get = server.api("GET", &path).bearer(&value).send();
            let head = server.api("HEAD", &path).bearer(&value).send();
            assert_eq!((get.status, head.status, head.body.as_str()), (200, 200, ""), "{path}");
            assert_eq!(head.header("content-length"), get.body.len().to_string(), "{path}");
            for name in ["content-type", "cache-control", "vary", "x-temba-workspace"] {
                assert_eq!(head.header(name), get.header(name), "{name} of {path}");
            }
            for authorized in [true, false] {
                let call = server.api("OPTIONS", &path).header("Origin", "https://elsewhere.example");
                let call = call.header("Access-Control-Request-Method", "GET");
                let options = if authorized { call.bearer(&value) } else { call }.send();
                assert_eq!((options.status, options.body.as_str()), (204, ""), "{path}");
                assert_eq!(options.header("allow"), allow, "{path}");
                assert_eq!(options.header("access-control-allow-origin"), "", "{path}");
            }
            let put = server.api("PUT", &path).bearer(&value).send();
            assert_eq!((put.status, put.header("allow")), (405, allow.as_str()), "{path}");
        }
    }
    for nothing in ["/api/v1/", "/api/v2/x", "/auth", "/auth/", "/auth/verify/x", "/oauth2", "/oauth2/token", "/apix"] {
        let answer = server.api("OPTIONS", nothing).send();
        let is_told = answer.body == r#"{"detail":"Not found."}"#;
        assert_eq!((answer.status, is_told), (404, nothing != "/apix"), "{nothing}");
    }
}
