//! A Chromium window, driven over `WebDriver`. Elements are found by their visible text, label or field name.
//!
//! Steps are of two kinds. `goto`, `back`, `refresh` and the `follow_…`, `submit_…` and `…_and_load` methods load a page
//! and return when that page is complete. The `click_…`, `fill`, `press` and `tab_to` methods change the page in place.
//! A step of the second kind that loads a page after all fails the next step of the first kind.

mod content;
mod devtools;
mod input;
mod loading;
mod render_mode;
mod xpath;

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use thirtyfour::DesiredCapabilities;
use thirtyfour::prelude::*;
use thirtyfour::support::block_on;

use crate::support::requirement::program;

pub use render_mode::RenderMode;
pub use xpath::{button, labelled, link};

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
