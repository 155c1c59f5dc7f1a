//! What the page shows.

use std::time::Duration;

use thirtyfour::prelude::*;
use thirtyfour::support::block_on;

use crate::window::xpath::labelled;
use crate::window::{WAIT_TIMEOUT, Window};

const POLL_INTERVAL: Duration = Duration::from_millis(50);

impl Window {
    pub fn url(&self) -> String {
        block_on(self.driver().current_url()).map_or_else(|error| format!("no URL: {error}"), |url| url.to_string())
    }

    /// Checks the path and the query of the page.
    pub fn assert_path(&self, expected: &str) {
        let url = self.url();
        let path = url.split_once("://").and_then(|(_, rest)| rest.find('/').map(|start| &rest[start..]));
        assert_eq!(path, Some(expected), "the page {url}: {}", self.text());
    }

    /// Polls until `condition` holds. Fails with `what` and the page after [`WAIT_TIMEOUT`].
    #[expect(
        clippy::disallowed_types,
        clippy::disallowed_methods,
        reason = "a browser is another process: only polling"
    )]
    pub fn wait_until(&self, what: &str, condition: impl Fn() -> bool) {
        let start = std::time::Instant::now();
        while !condition() {
            assert!(start.elapsed() < WAIT_TIMEOUT, "timed out waiting for {what} at {}: {}", self.url(), self.text());
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    pub(super) fn find(&self, xpath: &str) -> WebElement {
        let query = self.driver().query(By::XPath(xpath)).wait(WAIT_TIMEOUT, POLL_INTERVAL).and_displayed();
        block_on(query.first()).unwrap_or_else(|_| panic!("no {xpath} at {}: {}", self.url(), self.text()))
    }

    /// Is there a visible element that matches?
    pub fn has(&self, xpath: &str) -> bool {
        let found = block_on(self.driver().find_all(By::XPath(xpath))).unwrap();
        found.iter().any(|element| block_on(element.is_displayed()).unwrap_or(false))
    }

    /// The visible text of the page.
    pub fn text(&self) -> String {
        let driver = self.driver();
        block_on(async { driver.find(By::Tag("body")).await?.text().await }).unwrap_or_default()
    }

    pub fn wait_for_text(&self, text: &str) {
        self.wait_until(&format!("the text {text:?}"), || self.text().contains(text));
    }

    pub fn wait_for_visible(&self, xpath: &str) {
        self.wait_until(xpath, || self.has(xpath));
    }

    /// The current document as HTML.
    pub fn source(&self) -> String {
        block_on(self.driver().source()).unwrap()
    }

    /// The value of the field with this label.
    pub fn value_of(&self, label: &str) -> String {
        block_on(self.find(&labelled(label)).value()).unwrap().unwrap()
    }

    /// The text of the element with this label.
    pub fn text_of(&self, label: &str) -> String {
        block_on(self.find(&labelled(label)).text()).unwrap()
    }

    /// The label, the text or the field name of the focused element.
    pub fn focused_name(&self) -> String {
        let name = "const focused = document.activeElement;
            return focused.getAttribute('aria-label') || focused.textContent.trim() || focused.name || focused.tagName;";
        self.run_script(name).as_str().unwrap().to_owned()
    }

    /// The text that Paste inserts on another page: the application's own pages may not read the clipboard.
    pub fn clipboard_text(&self) -> String {
        let mut pasted = String::new();
        self.in_new_tab(|| {
            self.goto("data:text/html,<textarea autofocus></textarea>");
            let field = self.find("//textarea");
            let driver = self.driver();
            block_on(async {
                field.click().await?;
                let keys = driver.action_chain().key_down(Key::Control).send_keys("v").key_up(Key::Control);
                keys.perform().await
            })
            .unwrap();
            pasted = block_on(field.value()).unwrap().unwrap_or_default();
        });
        pasted
    }
}
