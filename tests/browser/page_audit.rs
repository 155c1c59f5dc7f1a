//! Checks of the page in a window: axe-core, its width, and a screenshot in each render mode.

use std::path::{Path, PathBuf};

use crate::support::requirement::axe_core_file;
use crate::window::{RenderMode, Window};

pub struct PageAudit {
    screenshots: PathBuf,
    axe: String,
    pub problems: Vec<String>,
}

impl PageAudit {
    pub fn new() -> Self {
        let screenshots = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        std::fs::create_dir_all(&screenshots).unwrap();
        let axe = std::fs::read_to_string(axe_core_file()).expect("axe-core");
        Self { screenshots, axe, problems: Vec::new() }
    }

    /// Checks the page in light, in dark and on a phone, with axe-core.
    pub fn check(&mut self, window: &Window, name: &str) {
        for mode in [RenderMode::LIGHT, RenderMode::DARK, RenderMode::PHONE] {
            self.render(window, name, &mode);
            self.run_axe(window, &format!("{name} in {}", mode.name));
        }
        window.set_render_mode(&RenderMode::LIGHT);
    }

    /// [`PageAudit::check`], then the width on the smallest phone, at 200 %, in forced colours, and on paper.
    pub fn check_in_all_modes(&mut self, window: &Window, name: &str) {
        self.check(window, name);
        for mode in [RenderMode::SMALL, RenderMode::ZOOMED, RenderMode::FORCED, RenderMode::PRINT] {
            self.render(window, name, &mode);
        }
        window.set_render_mode(&RenderMode::LIGHT);
    }

    fn render(&mut self, window: &Window, name: &str, mode: &RenderMode) {
        window.set_render_mode(mode);
        window.save_screenshot(&self.screenshots.join(format!("{name}-{}.png", mode.name)));
        let width = window.run_script("return document.documentElement.scrollWidth");
        if width.as_u64().unwrap() > u64::from(mode.width) {
            self.problems.push(format!("{name} in {} is {width} wide", mode.name));
        }
    }

    pub fn run_axe(&mut self, window: &Window, name: &str) {
        if window.run_script("return typeof axe") != "object" {
            window.run_script(&self.axe);
        }
        let result = window.run_async_script(
            "const done = arguments[0];
             axe.run(document).then(
               (result) => done({ passes: result.passes.length, violations: result.violations.map((it) =>
                 it.id + ': ' + it.help + ' ' + it.nodes.map((node) => node.html.slice(0, 200)).join(' | ')) }),
               (error) => done({ passes: 0, violations: ['axe failed: ' + error] }));",
        );
        assert!(result["passes"].as_u64().unwrap() > 5, "{name}: axe-core checked too little: {result}");
        let violations = result["violations"].as_array().unwrap().iter();
        self.problems.extend(violations.map(|violation| format!("{name}: {}", violation.as_str().unwrap())));
    }
}
