//! A Chromium window, driven over `WebDriver`. Elements are found by their visible text, label or field name.
//!
//! Steps are of two kinds. `goto`, `back`, `refresh` and the `follow_…`, `submit_…` and `…_and_load` methods load a page
//! and return when that page is complete. The `click_…`, `fill`, `press` and `tab_to` methods change the page in place.
//! A step of the second kind that loads a page after all fails the next step of the first kind.

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use thirtyfour::DesiredCapabilities;
use thirtyfour::prelude::*;
use thirtyfour::support::block_on;

use crate::support::requirement::program;

const FLAGS: [&str; 11] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--window-size=1200,900",
];

/// The longest wait for a page, an element or a text, on a busy machine.
const WAIT_TIMEOUT: Duration = Duration::from_mins(1);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The screen and the preferences that a page is rendered for.
#[derive(Debug, Clone, Copy)]
pub struct RenderMode {
    pub name: &'static str,
    pub color_scheme: &'static str,
    pub width: u32,
    /// 2 is a page zoomed to 200 %: half as wide as the window.
    pub scale: u32,
    pub allows_motion: bool,
    pub forced_colors: bool,
    pub media: &'static str,
}

impl RenderMode {
    pub const LIGHT: Self = Self {
        name: "light",
        color_scheme: "light",
        width: 1200,
        scale: 1,
        allows_motion: false,
        forced_colors: false,
        media: "screen",
    };
    pub const DARK: Self = Self { name: "dark", color_scheme: "dark", ..Self::LIGHT };
    pub const PHONE: Self = Self { name: "phone", width: 390, ..Self::LIGHT };
    pub const SMALL: Self = Self { name: "small", color_scheme: "dark", width: 360, ..Self::LIGHT };
    pub const ZOOMED: Self = Self { name: "zoomed", width: 600, scale: 2, ..Self::LIGHT };
    pub const FORCED: Self = Self { name: "forced", color_scheme: "dark", forced_colors: true, ..Self::LIGHT };
    pub const PRINT: Self = Self { name: "print", width: 794, media: "print", ..Self::LIGHT };
}

/// A browser with one window. Dropping it ends the browser and its driver.
pub struct Window {
    driver: Option<WebDriver>,
    chromedriver: Child,
    /// The loader id of the page that the last loading step waited for.
    document: RefCell<Option<String>>,
    _profile: tempfile::TempDir,
}

impl Window {
    pub fn open() -> Self {
        Self::open_with(&[], &json!({"browser": "ALL"}))
    }

    /// Opens a window that records network events: [`Window::take_network_events`].
    pub fn open_with_network_log() -> Self {
        Self::open_with(&[], &json!({"browser": "ALL", "performance": "ALL"}))
    }

    /// Opens a window whose pages run no script.
    pub fn open_without_script() -> Self {
        Self::open_with(&["--blink-settings=scriptEnabled=false"], &json!({"browser": "ALL"}))
    }

    fn open_with(flags: &[&str], logs: &Value) -> Self {
        let chromedriver = program("chromedriver").expect("chromedriver in PATH");
        let chromium = program("chromium").expect("chromium in PATH");
        let profile = tempfile::tempdir().unwrap();
        let mut chromedriver = Command::new(chromedriver)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(chromedriver.stdout.take().unwrap()).lines();
        let port = lines
            .find_map(|line| {
                line.unwrap().split("successfully on port ").nth(1).map(|port| port.trim_end_matches('.').to_owned())
            })
            .expect("chromedriver prints its port");
        // A full pipe would block chromedriver.
        std::thread::spawn(move || lines.count());

        let mut capabilities = DesiredCapabilities::chrome();
        capabilities.set_binary(chromium.to_str().unwrap()).unwrap();
        for flag in FLAGS.iter().chain(flags) {
            capabilities.add_arg(flag).unwrap();
        }
        capabilities.add_arg(&format!("--user-data-dir={}", profile.path().display())).unwrap();
        capabilities.as_mut().set("goog:loggingPrefs", logs).unwrap();
        let driver = block_on(WebDriver::new(format!("http://127.0.0.1:{port}"), capabilities));
        // The window exists before the check, so that a failed start ends chromedriver too.
        let window = Self {
            driver: driver.as_ref().ok().cloned(),
            chromedriver,
            document: RefCell::default(),
            _profile: profile,
        };
        let driver = driver.expect("Chromium starts");
        block_on(driver.set_page_load_timeout(WAIT_TIMEOUT)).unwrap();
        window
    }

    fn driver(&self) -> &WebDriver {
        self.driver.as_ref().unwrap()
    }

    // Steps that load a page.

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
                && self.try_run_script("return document.readyState").is_ok_and(|state| state == "complete")
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

    // Steps that change the page in place.

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

    /// Renders pages in this mode from now on.
    pub fn set_render_mode(&self, mode: &RenderMode) {
        let features = [
            ("prefers-color-scheme", mode.color_scheme),
            ("prefers-reduced-motion", if mode.allows_motion { "no-preference" } else { "reduce" }),
            ("forced-colors", if mode.forced_colors { "active" } else { "none" }),
        ];
        let features: Vec<_> = features.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        self.send_cdp("Emulation.setEmulatedMedia", json!({"media": mode.media, "features": features}));
        let (width, scale) = (mode.width, mode.scale);
        // Zooming reduces the height too.
        let size = json!({
            "width": width, "height": 844 / scale, "deviceScaleFactor": scale, "mobile": scale == 1 && width < 600
        });
        self.send_cdp("Emulation.setDeviceMetricsOverride", size);
    }

    // What the page shows.

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

    fn find(&self, xpath: &str) -> WebElement {
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

    // Scripts, DevTools and logs.

    /// The value that a script returns.
    pub fn run_script(&self, script: &str) -> Value {
        self.try_run_script(script).unwrap()
    }

    fn try_run_script(&self, script: &str) -> WebDriverResult<Value> {
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

impl Drop for Window {
    fn drop(&mut self) {
        if let Some(driver) = self.driver.take() {
            let _ = block_on(driver.quit());
        }
        let _ = self.chromedriver.kill();
        let _ = self.chromedriver.wait();
    }
}

/// A link with exactly this text.
pub fn link(text: &str) -> String {
    format!("//a[normalize-space()=\"{text}\"]")
}

/// A button with exactly this text.
pub fn button(text: &str) -> String {
    format!("//button[normalize-space()=\"{text}\"]")
}

/// An element with this `aria-label`.
pub fn labelled(label: &str) -> String {
    format!("//*[@aria-label=\"{label}\"]")
}
