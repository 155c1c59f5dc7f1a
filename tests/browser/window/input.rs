//! Steps that change the page in place.

use serde_json::json;
use thirtyfour::prelude::*;
use thirtyfour::support::block_on;

use crate::window::Window;
use crate::window::xpath::{button, labelled, link};

impl Window {
    pub fn click(&self, xpath: &str) {
        block_on(self.find(xpath).click()).unwrap_or_else(|error| panic!("click {xpath} at {}: {error}", self.url()));
    }

    pub fn click_link(&self, text: &str) {
        self.click(&link(text));
    }

    pub fn click_button(&self, text: &str) {
        self.click(&button(text));
    }

    pub fn click_labelled(&self, label: &str) {
        self.click(&labelled(label));
    }

    /// Types into the field of this name, in place of its content.
    pub fn fill(&self, name: &str, text: &str) {
        let field = self.find(&format!("//input[@name='{name}']"));
        block_on(async {
            field.clear().await?;
            field.send_keys(text).await
        })
        .unwrap();
    }

    /// Presses keys on the focused element.
    pub fn press(&self, keys: impl Into<TypingData>) {
        let keys: TypingData = keys.into();
        block_on(self.driver().action_chain().send_keys(keys).perform()).unwrap();
    }

    /// Presses a key while Control is down.
    pub fn press_with_control(&self, key: &str) {
        let keys = self.driver().action_chain().key_down(Key::Control).send_keys(key).key_up(Key::Control);
        block_on(keys.perform()).unwrap();
    }

    /// Presses Tab until the element of this name has the focus.
    pub fn tab_to(&self, name: &str) {
        let mut passed = Vec::new();
        for _ in 0..60 {
            self.press(Key::Tab);
            let focused = self.focused_name();
            if focused == name {
                return;
            }
            passed.push(focused);
        }
        panic!("the Tab key does not reach {name:?} at {}: {passed:?}", self.url());
    }

    /// Removes every cookie of the browser, and with them the session.
    pub fn delete_cookies(&self) {
        self.send_cdp("Network.clearBrowserCookies", json!({}));
    }

    /// Opens another tab, runs `act` in it, closes it and returns to this one.
    pub fn in_new_tab(&self, act: impl FnOnce()) {
        let driver = self.driver();
        let document = self.document.take();
        let first = block_on(driver.window()).unwrap();
        let tab = block_on(driver.new_tab()).unwrap();
        block_on(driver.switch_to_window(tab)).unwrap();
        act();
        block_on(driver.close_window()).unwrap();
        block_on(driver.switch_to_window(first)).unwrap();
        self.document.replace(document);
    }
}
