//! A browser without scripts: it keeps cookies and sends forms from the site's own pages.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::api_client::{Answer, agent, form};

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

    /// Sends the login form.
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
        let answer = Answer::from_response(self.agent.run(request.body(body).unwrap())?)?;
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
        self.post(&format!("/w/{slug}/settings/tokens"), &[("name", name), ("form_key", &form.hidden("form_key"))])
    }

    /// The path of the page that deletes the token of this name.
    pub fn delete_path(&self, slug: &str, name: &str) -> String {
        let page = self.get(&format!("/w/{slug}/settings/tokens")).page();
        page.link_labeled(&format!("Delete token {name}"))
    }
}
