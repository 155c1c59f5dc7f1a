//! HTTP requests of API clients, and the answers to them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use super::html::Page;

/// What a server answered.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn from_response(response: ureq::http::Response<ureq::Body>) -> Result<Self, ureq::Error> {
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let body = response.into_body().read_to_string()?;
        Ok(Self { status, headers, body })
    }

    /// The one header of this name; "" if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(it, _)| it.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    /// Everything that was answered but what is each answer's own: its date and its request id.
    pub fn whole(&self) -> (u16, Vec<(String, String)>, &str) {
        let mut headers = self.headers.clone();
        headers.retain(|(name, _)| !matches!(name.as_str(), "date" | "x-request-id"));
        headers.sort();
        (self.status, headers, &self.body)
    }

    /// The answer as text for a snapshot: without date, length and the security headers of every answer, the other header
    /// lines sorted, ids redacted, JSON
    /// indented.
    pub fn snapshot(&self) -> String {
        let mut lines: Vec<String> = self.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let left_out = [
            "date:",
            "content-length:",
            "content-security-",
            "cross-origin-",
            "permissions-policy:",
            "referrer-",
            "x-content-type-",
        ];
        lines.retain(|line| !left_out.iter().any(|start| line.starts_with(start)));
        lines.sort();
        let body = match serde_json::from_str::<serde_json::Value>(&self.body) {
            Ok(json) => serde_json::to_string_pretty(&json).unwrap(),
            Err(_) => self.body.clone(),
        };
        let text = format!("{}\n{}\n\n{body}", self.status, lines.join("\n"));
        let words = text.split_inclusive(|c: char| !c.is_ascii_hexdigit() && c != '-');
        let redact = |word: &str| {
            let is_uuid = uuid::Uuid::parse_str(word.get(..36).unwrap_or_default()).is_ok();
            if is_uuid { format!("[uuid]{}", &word[36..]) } else { word.to_owned() }
        };
        words.map(redact).collect::<String>().trim_end().to_owned()
    }

    /// Every header of this name.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.body))
    }

    /// The body as an HTML page.
    pub fn page(&self) -> Page {
        Page::parse(&self.body)
    }

    /// The page's title.
    pub fn title(&self) -> String {
        self.page().title()
    }

    /// The value of the hidden field `name` in the page's form.
    pub fn hidden(&self, name: &str) -> String {
        self.page().attribute(&format!("input[type=hidden][name={name}]"), "value")
    }

    /// The token value that the page shows.
    pub fn value(&self) -> String {
        self.page().attribute("[aria-label='Token value']", "value")
    }

    /// The invitation's link that the page shows.
    pub fn link(&self) -> String {
        self.page().attribute("[aria-label='Invitation link']", "value")
    }

    /// The text between two texts of the body.
    pub fn between(&self, start: &str, end: &str) -> Option<&str> {
        let rest = &self.body[self.body.find(start)? + start.len()..];
        Some(&rest[..rest.find(end)?])
    }

    /// The visible text of the page.
    pub fn text(&self) -> String {
        self.page().text()
    }
}

/// The fields as the body of a form.
pub fn form(fields: &[(&str, &str)]) -> Vec<u8> {
    let pairs: Vec<_> = fields.iter().map(|(name, text)| format!("{}={}", encode(name), encode(text))).collect();
    pairs.join("&").into_bytes()
}

/// The text as part of a URL.
pub fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

pub fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .allow_non_standard_methods(true)
        .timeout_global(Some(Duration::from_secs(30)))
        .build()
        .into()
}

/// One request of a tool's.
pub struct Call {
    agent: ureq::Agent,
    request: ureq::http::request::Builder,
    body: Vec<u8>,
}

impl Call {
    pub fn new(address: SocketAddr, method: &str, path: &str) -> Self {
        Self {
            agent: agent(),
            request: ureq::http::Request::builder().method(method).uri(format!("http://{address}{path}")),
            body: Vec::new(),
        }
    }

    pub fn header(self, name: &str, value: &str) -> Self {
        Self { request: self.request.header(name, value), ..self }
    }

    pub fn bearer(self, value: impl AsRef<str>) -> Self {
        self.header("Authorization", &format!("Bearer {}", value.as_ref()))
    }

    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }

    pub fn send(self) -> Answer {
        self.try_send().unwrap()
    }

    /// [`Call::send`] to a server that may not be there any more.
    pub fn try_send(self) -> Result<Answer, ureq::Error> {
        Answer::from_response(self.agent.run(self.request.body(self.body).unwrap())?)
    }
}

/// A connection that stays open between requests.
pub struct Connection(TcpStream);

impl Connection {
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self(stream)
    }

    /// Sends a `GET` and reads its answer, whose length must be said.
    pub fn get(&mut self, path: &str, authorization: &str) -> String {
        let who = "Host: latchkey\r\nUser-Agent: kept-open/1";
        let head = format!("GET {path} HTTP/1.1\r\n{who}\r\nAuthorization: {authorization}\r\n\r\n");
        self.0.write_all(head.as_bytes()).unwrap();
        let (mut answer, mut chunk) = (String::new(), [0; 8192]);
        loop {
            let read = self.0.read(&mut chunk).unwrap();
            assert!(read > 0, "the server closed the connection: {answer}");
            answer.push_str(std::str::from_utf8(&chunk[..read]).unwrap());
            let Some((head, body)) = answer.split_once("\r\n\r\n") else { continue };
            let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()).unwrap();
            if body.len() >= length.parse::<usize>().unwrap() {
                return answer;
            }
        }
    }
}

/// Sends bytes as they are on a connection of their own, and reads until the server closes it or is silent for a
/// second.
pub fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    String::from_utf8_lossy(&raw_bytes(address, bytes)).into_owned()
}

/// [`raw`], as bytes.
pub fn raw_bytes(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let mut chunk = [0; 8192];
    while let Ok(read @ 1..) = stream.read(&mut chunk) {
        answer.extend_from_slice(&chunk[..read]);
    }
    answer
}

/// Sends a request as it is on a connection of its own, and returns the answer's head and body. After 101 it sends
/// `in_tunnel` and reads as many bytes in place of a body.
pub fn exchange(address: SocketAddr, request: &[u8], in_tunnel: &[u8]) -> String {
    exchange_on(TcpStream::connect(address).unwrap(), request, in_tunnel)
}

/// Connects from another address of this machine.
pub fn connect_from(client: IpAddr, address: SocketAddr) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(client, 0)).unwrap();
        socket.connect(address).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    stream
}

/// [`exchange`] on a connection.
pub fn exchange_on(mut stream: TcpStream, request: &[u8], in_tunnel: &[u8]) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let _ = stream.write_all(request);
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut answer, mut body_length) = (String::new(), None);
    loop {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line).unwrap_or(0) == 0 {
            return answer;
        }
        let line = String::from_utf8_lossy(&line);
        answer.push_str(&line);
        let (name, value) = line.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("content-length") {
            body_length = value.trim().parse().ok();
        }
        if line == "\r\n" && answer.starts_with("HTTP/1.1 100 ") {
            answer.clear();
        } else if line == "\r\n" {
            break;
        }
    }
    if answer.starts_with("HTTP/1.1 101 ") {
        stream.write_all(in_tunnel).unwrap();
        body_length = Some(in_tunnel.len() as u64);
    }
    let mut body = Vec::new();
    let _ = reader.take(body_length.unwrap_or(u64::MAX)).read_to_end(&mut body);
    answer.push_str(&String::from_utf8_lossy(&body));
    answer
}
