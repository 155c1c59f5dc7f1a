//! Steps that load a page, and return when that page is complete.

use serde_json::json;
use thirtyfour::prelude::*;
use thirtyfour::support::block_on;

use crate::window::Window;
use crate::window::xpath::{button, labelled, link};

/// The state of the page. A page that the browser restores from memory is hidden until it is requested again.
const STATE: &str = "return document.documentElement.hidden ? 'hidden' : document.readyState";

impl Window {
    /// Runs a step that loads a page, and returns when the new page is complete.
    pub fn wait_for_load(&self, step: &str, act: impl FnOnce()) {
        let before = self.loader_id();
        let before = before.unwrap_or_else(|error| panic!("no page before the step {step}: {error}"));
        if let Some(expected) = &*self.document.borrow() {
            assert_eq!(
                &before,
                expected,
                "before the step {step}, a step that does not wait for a page has loaded {}",
                self.url()
            );
        }
        act();
        self.wait_until(&format!("a new page after the step {step}"), || {
            // Commands fail while one page replaces another.
            let Ok(id) = self.loader_id() else { return false };
            let is_complete = id != before
                && self.try_run_script(STATE).is_ok_and(|state| state == "complete")
                && self.loader_id().is_ok_and(|after| after == id);
            if is_complete {
                self.document.replace(Some(id));
            }
            is_complete
        });
    }

    /// The id that Chromium gives to each loading of a document. It needs no script on the page.
    fn loader_id(&self) -> WebDriverResult<String> {
        let tree = block_on(self.driver().cdp().send_raw("Page.getFrameTree", json!({})))?;
        Ok(tree["frameTree"]["frame"]["loaderId"].as_str().expect("a frame has a loader id").to_owned())
    }

    pub fn goto(&self, url: &str) {
        self.wait_for_load(&format!("goto {url}"), || block_on(self.driver().goto(url)).unwrap());
    }

    pub fn back(&self) {
        self.wait_for_load("back", || block_on(self.driver().back()).unwrap());
    }

    pub fn refresh(&self) {
        self.wait_for_load("refresh", || block_on(self.driver().refresh()).unwrap());
    }

    /// Clicks an element that loads a page.
    pub fn click_and_load(&self, xpath: &str) {
        self.wait_for_load(&format!("click {xpath}"), || self.click(xpath));
    }

    pub fn follow_link(&self, text: &str) {
        self.click_and_load(&link(text));
    }

    pub fn follow_labelled(&self, label: &str) {
        self.click_and_load(&labelled(label));
    }

    /// Clicks a button that submits its form.
    pub fn submit(&self, button_text: &str) {
        self.click_and_load(&button(button_text));
    }

    pub fn submit_by_double_click(&self, button_text: &str) {
        let button = self.find(&button(button_text));
        self.wait_for_load(&format!("double click {button_text:?}"), || {
            block_on(self.driver().action_chain().double_click_element(&button).perform()).unwrap();
        });
    }

    /// Presses a key that loads a page.
    pub fn press_and_load(&self, keys: impl Into<TypingData>) {
        self.wait_for_load("press a key", || self.press(keys));
    }
}
