//! The limit: an actix-web server whose handlers return stored responses. Handlers must do nothing else.

use std::path::{Path, PathBuf};

use actix_web::http::StatusCode;
use actix_web::{App, HttpResponse, HttpServer, web};

use crate::process::Process;

/// A recorded response, serialized for the limit's process.
#[derive(serde::Serialize, serde::Deserialize)]
struct RecordedResponse {
    path: String,
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// Requests these paths from `server` with the token `value` and writes the responses to a file.
pub fn record_responses(server: &Process, value: &str, paths: &[&str], folder: &Path) -> PathBuf {
    let responses: Vec<RecordedResponse> = paths.iter().map(|path| fetch(server, value, path)).collect();
    let file = folder.join("responses.json");
    std::fs::write(&file, serde_json::to_vec(&responses).unwrap()).unwrap();
    file
}

fn fetch(server: &Process, value: &str, path: &str) -> RecordedResponse {
    let url = format!("http://{}{path}", server.address);
    let mut response = ureq::get(&url)
        .config()
        .http_status_as_error(false)
        .build()
        .header("Authorization", format!("Bearer {value}"))
        .call()
        .unwrap();
    let headers = response.headers().iter().filter(|(name, _)| !["date", "content-length"].contains(&name.as_str()));
    RecordedResponse {
        path: path.to_owned(),
        status: response.status().as_u16(),
        headers: headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect(),
        body: response.body_mut().read_to_string().unwrap(),
    }
}

/// Serves the recorded responses until the process is killed.
pub fn serve(file: &Path) {
    let responses: Vec<RecordedResponse> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let responses: &'static [RecordedResponse] = Box::leak(responses.into_boxed_slice());
    actix_web::rt::System::new().block_on(async {
        let server = HttpServer::new(move || {
            responses.iter().fold(App::new(), |app, recorded| {
                app.route(
                    &recorded.path,
                    web::get().to(async move || {
                        let mut response = HttpResponse::build(StatusCode::from_u16(recorded.status).unwrap());
                        for (name, value) in &recorded.headers {
                            response.insert_header((name.as_str(), value.as_str()));
                        }
                        response.body(recorded.body.as_str())
                    }),
                )
            })
        });
        let server = server.bind("127.0.0.1:0").unwrap();
        println!("listens on http://{}", server.addrs()[0]);
        server.run().await.unwrap();
    });
}
