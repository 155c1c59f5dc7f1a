//! A real browser window, and what a person does in it: reads, clicks, types. Finds things by what people see or hear,
//! and waits for them.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};
use thirtyfour::DesiredCapabilities;
use thirtyfour::prelude::*;
use thirtyfour::support::block_on;

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
const PATIENCE: Duration = Duration::from_secs(15);
const GLANCE: Duration = Duration::from_millis(50);

/// Says once, where everybody sees it, that something can't be tested here; fails where a green run must mean that
/// everything ran.
pub fn skip(what: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let must_run = std::env::var_os("CI").is_some_and(|ci| ci == "true");
    assert!(!must_run, "{what}");
    if SAID.lock().unwrap().insert(what.to_owned()) {
        // Not `eprintln!`: what that says is hidden while tests pass.
        let _ = writeln!(std::io::stderr(), "{what}");
    }
}

fn program(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// How somebody looks at pages.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    pub name: &'static str,
    pub scheme: &'static str,
    pub width: u32,
    /// 2 is a page zoomed to 200 %: half as wide as the window.
    pub scale: u32,
    pub moves: bool,
    pub forced: bool,
    pub media: &'static str,
}

impl Look {
    pub const LIGHT: Self =
        Self { name: "light", scheme: "light", width: 1200, scale: 1, moves: false, forced: false, media: "screen" };
    pub const DARK: Self = Self { name: "dark", scheme: "dark", ..Self::LIGHT };
    pub const PHONE: Self = Self { name: "phone", width: 390, ..Self::LIGHT };
    pub const SMALL: Self = Self { name: "small", scheme: "dark", width: 360, ..Self::LIGHT };
    pub const ZOOMED: Self = Self { name: "zoomed", width: 600, scale: 2, ..Self::LIGHT };
    pub const FORCED: Self = Self { name: "forced", scheme: "dark", forced: true, ..Self::LIGHT };
    pub const PRINT: Self = Self { name: "print", width: 794, media: "print", ..Self::LIGHT };
}

/// A browser with one window. Ends with everything it started when dropped.
pub struct Window {
    driver: Option<WebDriver>,
    chromedriver: Child,
    _profile: tempfile::TempDir,
}

impl Window {
    /// Opens a window, or says that it can't and returns nothing: a test ends there, unless it must run.
    pub fn open() -> Option<Self> {
        Self::open_with(&[], &json!({"browser": "ALL"}))
    }

    /// Opens a window that keeps what goes over the network: [`Window::requests`].
    pub fn open_watched() -> Option<Self> {
        Self::open_with(&[], &json!({"browser": "ALL", "performance": "ALL"}))
    }

    /// Opens a window whose pages run no script.
    pub fn open_without_script() -> Option<Self> {
        Self::open_with(&["--blink-settings=scriptEnabled=false"], &json!({"browser": "ALL"}))
    }

    fn open_with(flags: &[&str], logs: &Value) -> Option<Self> {
        let (Some(chromedriver), Some(chromium)) = (program("chromedriver"), program("chromium")) else {
            skip("skipped: the browser tests need Chromium: apt-get install chromium chromium-driver");
            return None;
        };
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
            .expect("chromedriver to say its port");
        // It must be able to go on talking.
        std::thread::spawn(move || lines.count());

        let mut wanted = DesiredCapabilities::chrome();
        wanted.set_binary(chromium.to_str().unwrap()).unwrap();
        for flag in FLAGS.iter().chain(flags) {
            wanted.add_arg(flag).unwrap();
        }
        wanted.add_arg(&format!("--user-data-dir={}", profile.path().display())).unwrap();
        wanted.as_mut().set("goog:loggingPrefs", logs).unwrap();
        let driver = block_on(WebDriver::new(format!("http://127.0.0.1:{port}"), wanted));
        let window = Self { driver: driver.as_ref().ok().cloned(), chromedriver, _profile: profile };
        driver.expect("a Chromium that starts");
        Some(window)
    }

    fn driver(&self) -> &WebDriver {
        self.driver.as_ref().unwrap()
    }

    pub fn goto(&self, url: &str) {
        block_on(self.driver().goto(url)).unwrap();
    }

    pub fn back(&self) {
        block_on(self.driver().back()).unwrap();
    }

    pub fn refresh(&self) {
        block_on(self.driver().refresh()).unwrap();
    }

    pub fn url(&self) -> String {
        block_on(self.driver().current_url()).unwrap().to_string()
    }

    /// The path of the page, waited for.
    pub fn is_at(&self, path: &str) {
        self.wait_until(&format!("the page {path}"), || {
            let url = self.url();
            url.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| rest[at..].to_owned())).as_deref()
                == Some(path)
        });
    }

    /// Looks again and again.
    pub fn wait_until(&self, what: &str, is_so: impl Fn() -> bool) {
        for _ in 0..PATIENCE.as_millis() / GLANCE.as_millis() {
            if is_so() {
                return;
            }
            #[expect(clippy::disallowed_methods, reason = "a browser is another program; there is nothing to wait on")]
            std::thread::sleep(GLANCE);
        }
        panic!("waited in vain for {what} at {}: {}", self.url(), self.text());
    }

    fn find(&self, xpath: &str) -> WebElement {
        let query = self.driver().query(By::XPath(xpath)).wait(PATIENCE, GLANCE).and_displayed();
        block_on(query.first()).unwrap_or_else(|_| panic!("no {xpath} at {}: {}", self.url(), self.text()))
    }

    /// Is there something like this on the page now?
    pub fn has(&self, xpath: &str) -> bool {
        let found = block_on(self.driver().find_all(By::XPath(xpath))).unwrap();
        found.iter().any(|element| block_on(element.is_displayed()).unwrap_or(false))
    }

    /// What a person reads on the page.
    pub fn text(&self) -> String {
        block_on(async { self.driver().find(By::Tag("body")).await?.text().await }).unwrap_or_default()
    }

    /// Waits until a person reads this.
    pub fn reads(&self, text: &str) {
        self.wait_until(&format!("the text {text:?}"), || self.text().contains(text));
    }

    /// The page as it is in memory, values of inputs included.
    pub fn source(&self) -> String {
        block_on(self.driver().source()).unwrap()
    }

    pub fn click_link(&self, text: &str) {
        block_on(self.find(&link(text)).click()).unwrap();
    }

    pub fn click_button(&self, text: &str) {
        block_on(self.find(&button(text)).click()).unwrap();
    }

    pub fn click_labelled(&self, label: &str) {
        block_on(self.find(&labelled(label)).click()).unwrap();
    }

    pub fn click(&self, xpath: &str) {
        block_on(self.find(xpath).click()).unwrap();
    }

    pub fn double_click_button(&self, text: &str) {
        let button = self.find(&button(text));
        block_on(self.driver().action_chain().double_click_element(&button).perform()).unwrap();
    }

    /// Types into the field of this name, in place of what it holds.
    pub fn fill(&self, name: &str, text: &str) {
        let field = self.find(&format!("//input[@name='{name}']"));
        block_on(async {
            field.clear().await?;
            field.send_keys(text).await
        })
        .unwrap();
    }

    /// The value of the field with this label.
    pub fn value_of(&self, label: &str) -> String {
        block_on(self.find(&labelled(label)).value()).unwrap().unwrap()
    }

    /// The text of the element with this label.
    pub fn text_of(&self, label: &str) -> String {
        block_on(self.find(&labelled(label)).text()).unwrap()
    }

    /// Presses keys, wherever the focus is.
    pub fn press(&self, keys: impl Into<TypingData>) {
        let keys: TypingData = keys.into();
        block_on(self.driver().action_chain().send_keys(keys).perform()).unwrap();
    }

    /// The name of what has the focus: its label, text or field name.
    pub fn focused(&self) -> String {
        let name = "const it = document.activeElement;
            return it.getAttribute('aria-label') || it.textContent.trim() || it.name || it.tagName;";
        self.run(name).as_str().unwrap().to_owned()
    }

    /// Presses Tab until something of this name has the focus, as people without a mouse do.
    pub fn tab_to(&self, name: &str) {
        let mut seen = Vec::new();
        for _ in 0..60 {
            self.press(Key::Tab);
            let focused = self.focused();
            if focused == name {
                return;
            }
            seen.push(focused);
        }
        panic!("the keyboard does not reach {name:?} at {}: {seen:?}", self.url());
    }

    /// What a script returns.
    pub fn run(&self, script: &str) -> Value {
        block_on(self.driver().execute(script, Vec::<Value>::new())).unwrap().json().clone()
    }

    /// What a script hands to `arguments[0]`.
    pub fn run_async(&self, script: &str) -> Value {
        block_on(self.driver().execute_async(script, Vec::<Value>::new())).unwrap().json().clone()
    }

    /// A command of the Chrome `DevTools` Protocol.
    pub fn devtools(&self, command: &str, parameters: Value) -> Value {
        block_on(self.driver().cdp().send_raw(command, parameters)).unwrap()
    }

    /// What somebody gets who pastes into another page: this site's own pages may not read the clipboard.
    pub fn pasted(&self) -> String {
        let mut pasted = String::new();
        self.in_new_tab(|| {
            self.goto("data:text/html,<textarea autofocus></textarea>");
            let field = self.find("//textarea");
            block_on(async {
                field.click().await?;
                let keys = self.driver().action_chain().key_down(Key::Control).send_keys("v").key_up(Key::Control);
                keys.perform().await
            })
            .unwrap();
            pasted = block_on(field.value()).unwrap().unwrap_or_default();
        });
        pasted
    }

    /// Forgets who is signed in.
    pub fn forget(&self) {
        block_on(self.driver().delete_all_cookies()).unwrap();
    }

    /// Opens another tab, runs `act` in it, closes it and comes back.
    pub fn in_new_tab(&self, act: impl FnOnce()) {
        let driver = self.driver();
        let here = block_on(driver.window()).unwrap();
        let tab = block_on(driver.new_tab()).unwrap();
        block_on(driver.switch_to_window(tab)).unwrap();
        act();
        block_on(driver.close_window()).unwrap();
        block_on(driver.switch_to_window(here)).unwrap();
    }

    /// What the console says of broken rules and broken scripts.
    pub fn complaints(&self) -> Vec<String> {
        // Answers like 404 or 409 stand there too. Chromium on Linux does not know web-share, elsewhere it does.
        let known = ["Failed to load resource", "Unrecognized feature: 'web-share'"];
        let log = block_on(self.driver().browser_log()).unwrap();
        let lines = log.into_iter().map(|entry| entry.message);
        lines.filter(|line| !known.iter().any(|it| line.contains(it))).collect()
    }

    /// Shows pages as they are for somebody who looks in this way.
    pub fn look(&self, look: &Look) {
        let features = [
            ("prefers-color-scheme", look.scheme),
            ("prefers-reduced-motion", if look.moves { "no-preference" } else { "reduce" }),
            ("forced-colors", if look.forced { "active" } else { "none" }),
        ];
        let features: Vec<_> = features.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        self.devtools("Emulation.setEmulatedMedia", json!({"media": look.media, "features": features}));
        let (width, scale) = (look.width, look.scale);
        // What is zoomed has fewer lines too.
        let size = json!({
            "width": width, "height": 844 / scale, "deviceScaleFactor": scale, "mobile": scale == 1 && width < 600
        });
        self.devtools("Emulation.setDeviceMetricsOverride", size);
    }

    /// What the `DevTools` Protocol told of the network since this was asked last.
    pub fn requests(&self) -> Vec<Value> {
        let log = block_on(self.driver().get_log("performance")).unwrap();
        let messages = log.iter().map(|entry| serde_json::from_str::<Value>(&entry.message).unwrap()["message"].take());
        messages.filter(|message| message["method"].as_str().unwrap().starts_with("Network.")).collect()
    }

    /// Takes a picture of the whole page.
    pub fn picture(&self, file: &Path) {
        use base64::Engine as _;
        let shot = self.devtools("Page.captureScreenshot", json!({"format": "png", "captureBeyondViewport": true}));
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

/// What a screen reader calls this.
pub fn labelled(label: &str) -> String {
    format!("//*[@aria-label=\"{label}\"]")
}
