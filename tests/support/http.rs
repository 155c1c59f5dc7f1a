//! HTTP as tools and browsers speak it: a browser keeps cookies and says where its forms come from.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What a server answered.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    fn of(response: ureq::http::Response<ureq::Body>) -> Result<Self, ureq::Error> {
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

    /// The page's title.
    pub fn title(&self) -> &str {
        self.between("<title>", "</title>").unwrap_or_else(|| panic!("no title: {}", self.body))
    }

    /// Every header of this name.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.body))
    }

    /// The value of the hidden field `name` in the page's form.
    pub fn hidden(&self, name: &str) -> &str {
        let start = format!("<input type=\"hidden\" name=\"{name}\" value=\"");
        self.between(&start, "\"").unwrap_or_else(|| panic!("no hidden field {name}: {}", self.body))
    }

    /// The token value that the page shows.
    pub fn value(&self) -> &str {
        self.between("aria-label=\"Token value\" value=\"", "\"").unwrap_or_else(|| panic!("no value: {}", self.body))
    }

    /// The invitation's link that the page shows.
    pub fn link(&self) -> &str {
        self.between("aria-label=\"Invitation link\" value=\"", "\"")
            .unwrap_or_else(|| panic!("no link: {}", self.body))
    }

    /// The text between two texts of the body.
    pub fn between(&self, start: &str, end: &str) -> Option<&str> {
        let rest = &self.body[self.body.find(start)? + start.len()..];
        Some(&rest[..rest.find(end)?])
    }

    /// What a person reads of the page.
    pub fn text(&self) -> String {
        read(&self.body)
    }
}

/// The markup without tags and with single blanks: what a person reads.
pub fn read(markup: &str) -> String {
    let mut text = String::new();
    let mut in_tag = false;
    for c in markup.chars() {
        match c {
            '<' => in_tag = true,
            '>' => {
                in_tag = false;
                text.push(' ');
            }
            c if !in_tag => text.push(c),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
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

fn agent() -> ureq::Agent {
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

    pub fn bearer(self, value: &str) -> Self {
        self.header("Authorization", &format!("Bearer {value}"))
    }

    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }

    pub fn send(self) -> Answer {
        self.try_send().unwrap()
    }

    /// [`Call::send`] to a server that may not be there any more.
    pub fn try_send(self) -> Result<Answer, ureq::Error> {
        Answer::of(self.agent.run(self.request.body(self.body).unwrap())?)
    }
}

/// A browser: keeps cookies, and says that its forms come from the site's own pages.
#[derive(Clone)]
pub struct Browser {
    address: SocketAddr,
    agent: ureq::Agent,
    cookies: RefCell<BTreeMap<String, String>>,
    always: Vec<(String, String)>,
}

impl Browser {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, agent: agent(), cookies: RefCell::default(), always: Vec::new() }
    }

    /// The same browser at this address, as a proxy on this machine says.
    pub fn at(self, ip: &str) -> Self {
        Self { always: vec![("X-Forwarded-For".to_owned(), ip.to_owned())], ..self }
    }

    /// The same browser, after the site moved to another port. Cookies know no ports.
    pub fn moved_to(&self, address: SocketAddr) -> Self {
        Self { address, ..self.clone() }
    }

    /// The cookies it would send, as a header.
    pub fn cookie_header(&self) -> String {
        self.cookies.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    /// Puts a cookie in.
    pub fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned());
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], &[], Vec::new())
    }

    /// Goes to a page and on, wherever it is sent.
    pub fn follow(&self, path: &str) -> Answer {
        let mut answer = self.get(path);
        for _ in 0..5 {
            if answer.status != 303 {
                break;
            }
            answer = self.get(answer.header("location").to_owned().as_str());
        }
        answer
    }

    /// Sends a form from one of the site's pages.
    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.try_post(path, fields).unwrap()
    }

    /// [`Browser::get`] from a server that may not be there any more.
    pub fn try_get(&self, path: &str) -> Result<Answer, ureq::Error> {
        self.try_send("GET", path, &[], &[], Vec::new())
    }

    /// [`Browser::post`] to a server that may not be there any more.
    pub fn try_post(&self, path: &str, fields: &[(&str, &str)]) -> Result<Answer, ureq::Error> {
        self.try_send(
            "POST",
            path,
            &[("Sec-Fetch-Site", "same-origin")],
            &[("Content-Type", "application/x-www-form-urlencoded")],
            form(fields),
        )
    }

    /// Signs somebody in, or tries to.
    pub fn sign_in(&self, email: &str, password: &str) -> Answer {
        self.post("/login", &[("email", email), ("password", password)])
    }

    /// Sends a request with these headers and no others but its cookies.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        more: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        self.try_send(method, path, headers, more, body).unwrap()
    }

    fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        more: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Answer, ureq::Error> {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        let cookies = self.cookie_header();
        if !cookies.is_empty() {
            request = request.header("Cookie", cookies);
        }
        let always = self.always.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in headers.iter().chain(more).copied().chain(always) {
            request = request.header(name, value);
        }
        let answer = Answer::of(self.agent.run(request.body(body).unwrap())?)?;
        for cookie in answer.headers("set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if cookie.contains("Max-Age=0") || value.is_empty() {
                self.cookies.borrow_mut().remove(name);
            } else {
                self.set_cookie(name, value);
            }
        }
        Ok(answer)
    }

    /// Opens the form of a new token and sends it.
    pub fn create_token(&self, slug: &str, name: &str) -> Answer {
        let form = self.get(&format!("/w/{slug}/settings/tokens/new"));
        self.post(&format!("/w/{slug}/settings/tokens"), &[("name", name), ("form_key", form.hidden("form_key"))])
    }

    /// The page that deletes the token of this name.
    pub fn delete_path(&self, slug: &str, name: &str) -> String {
        let list = self.get(&format!("/w/{slug}/settings/tokens"));
        let before = list.body.split(&format!("aria-label=\"Delete token {name}\"")).next().unwrap();
        let start = before.rfind("href=\"").unwrap_or_else(|| panic!("no token {name}: {}", list.body)) + 6;
        before[start..].split('"').next().unwrap().to_owned()
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
