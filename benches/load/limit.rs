//! The limit: what actix-web does with a handler that knows its answer.

use std::path::{Path, PathBuf};

use actix_web::http::StatusCode;
use actix_web::{App, HttpResponse, HttpServer, web};

use crate::process::Process;

/// One answer, as it is written down for the process that gives it.
#[derive(serde::Serialize, serde::Deserialize)]
struct Answer {
    path: String,
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// Writes down what `server` answers to the holder of `value` on these paths.
pub fn answers(server: &Process, value: &str, paths: &[&str], folder: &Path) -> PathBuf {
    let answers: Vec<Answer> = paths.iter().map(|path| ask(server, value, path)).collect();
    let file = folder.join("answers.json");
    std::fs::write(&file, serde_json::to_vec(&answers).unwrap()).unwrap();
    file
}

fn ask(server: &Process, value: &str, path: &str) -> Answer {
    let url = format!("http://{}{path}", server.address);
    let mut answer = ureq::get(&url)
        .config()
        .http_status_as_error(false)
        .build()
        .header("Authorization", format!("Bearer {value}"))
        .call()
        .unwrap();
    let headers = answer.headers().iter().filter(|(name, _)| !["date", "content-length"].contains(&name.as_str()));
    Answer {
        path: path.to_owned(),
        status: answer.status().as_u16(),
        headers: headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect(),
        body: answer.body_mut().read_to_string().unwrap(),
    }
}

/// Gives those answers, and nothing else, until it is killed.
pub fn serve(answers: &Path) {
    let answers: Vec<Answer> = serde_json::from_slice(&std::fs::read(answers).unwrap()).unwrap();
    let answers: &'static [Answer] = Box::leak(answers.into_boxed_slice());
    actix_web::rt::System::new().block_on(async {
        let server = HttpServer::new(move || {
            answers.iter().fold(App::new(), |app, answer| {
                app.route(
                    &answer.path,
                    web::get().to(async move || {
                        let mut response = HttpResponse::build(StatusCode::from_u16(answer.status).unwrap());
                        for (name, value) in &answer.headers {
                            response.insert_header((name.as_str(), value.as_str()));
                        }
                        response.body(answer.body.as_str())
                    }),
                )
            })
        });
        let server = server.bind("127.0.0.1:0").unwrap();
        println!("listens on http://{}", server.addrs()[0]);
        server.run().await.unwrap();
    });
}
