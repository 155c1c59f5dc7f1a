//! Scripts, `DevTools` and logs.

use std::path::Path;

use serde_json::{Value, json};
use thirtyfour::prelude::*;
use thirtyfour::support::block_on;

use crate::window::Window;

impl Window {
    /// The value that a script returns.
    pub fn run_script(&self, script: &str) -> Value {
        self.try_run_script(script).unwrap()
    }

    pub(super) fn try_run_script(&self, script: &str) -> WebDriverResult<Value> {
        Ok(block_on(self.driver().execute(script, Vec::<Value>::new()))?.json().clone())
    }

    /// The value that a script passes to the function `arguments[0]`.
    pub fn run_async_script(&self, script: &str) -> Value {
        block_on(self.driver().execute_async(script, Vec::<Value>::new())).unwrap().json().clone()
    }

    /// Sends a command of the Chrome `DevTools` Protocol.
    pub fn send_cdp(&self, command: &str, parameters: Value) -> Value {
        block_on(self.driver().cdp().send_raw(command, parameters)).unwrap()
    }

    /// The messages on the console, such as script errors and violations of the content security policy.
    pub fn console_messages(&self) -> Vec<String> {
        // Responses such as 404 and 409 are logged too. Chromium on Linux does not know web-share.
        let expected = ["Failed to load resource", "Unrecognized feature: 'web-share'"];
        let log = block_on(self.driver().browser_log()).unwrap();
        let lines = log.into_iter().map(|entry| entry.message);
        lines.filter(|line| !expected.iter().any(|part| line.contains(part))).collect()
    }

    /// The network events since the last call.
    pub fn take_network_events(&self) -> Vec<Value> {
        let log = block_on(self.driver().get_log("performance")).unwrap();
        let messages = log.iter().map(|entry| serde_json::from_str::<Value>(&entry.message).unwrap()["message"].take());
        messages.filter(|message| message["method"].as_str().unwrap().starts_with("Network.")).collect()
    }

    /// Writes a picture of the whole page.
    pub fn save_screenshot(&self, file: &Path) {
        use base64::Engine as _;
        let shot = self.send_cdp("Page.captureScreenshot", json!({"format": "png", "captureBeyondViewport": true}));
        let png = base64::engine::general_purpose::STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
        std::fs::write(file, png).unwrap();
    }
}
