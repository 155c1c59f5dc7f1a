//! Looks at the page that stands in a window, as different people see it: keeps pictures, asks axe-core, and notes what
//! is too wide.

use std::path::{Path, PathBuf};

use crate::chromium::{Look, Window, skip};

pub struct Gallery {
    folder: PathBuf,
    pub axe: Option<String>,
    pub wrong: Vec<String>,
}

impl Gallery {
    pub fn new() -> Self {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let folder = target.join("screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        let file = std::env::var_os("AXE_CORE").map_or_else(|| target.join("axe/axe.min.js"), PathBuf::from);
        let axe = std::fs::read_to_string(&file).ok();
        if axe.is_none() {
            skip(&format!("skipped: accessibility is not checked without axe-core in {}", file.display()));
        }
        Self { folder, axe, wrong: Vec::new() }
    }

    /// In light, in dark and on a phone, with axe-core.
    pub fn look_at(&mut self, window: &Window, name: &str) {
        for look in [Look::LIGHT, Look::DARK, Look::PHONE] {
            self.take(window, name, &look);
            self.check(window, &format!("{name} in {}", look.name));
        }
        window.look(&Look::LIGHT);
    }

    /// And on the smallest phone, at 200 %, in forced colours, and on paper.
    pub fn look_at_from_all_sides(&mut self, window: &Window, name: &str) {
        self.look_at(window, name);
        for look in [Look::SMALL, Look::ZOOMED, Look::FORCED, Look::PRINT] {
            self.take(window, name, &look);
        }
        window.look(&Look::LIGHT);
    }

    fn take(&mut self, window: &Window, name: &str, look: &Look) {
        window.look(look);
        window.picture(&self.folder.join(format!("{name}-{}.png", look.name)));
        let wide = window.run("return document.documentElement.scrollWidth");
        if wide.as_u64().unwrap() > u64::from(look.width) {
            self.wrong.push(format!("{name} in {} is {wide} wide", look.name));
        }
    }

    pub fn check(&mut self, window: &Window, place: &str) {
        let Some(axe) = &self.axe else { return };
        if window.run("return typeof axe") != "object" {
            window.run(axe);
        }
        let found = window.run_async(
            "const done = arguments[0];
             axe.run(document).then(
               (result) => done({ passes: result.passes.length, wrong: result.violations.map((it) =>
                 it.id + ': ' + it.help + ' ' + it.nodes.map((node) => node.html.slice(0, 200)).join(' | ')) }),
               (error) => done({ passes: 0, wrong: ['axe failed: ' + error] }));",
        );
        assert!(found["passes"].as_u64().unwrap() > 5, "{place}: axe checked next to nothing: {found}");
        let wrong = found["wrong"].as_array().unwrap().iter();
        self.wrong.extend(wrong.map(|violation| format!("{place}: {}", violation.as_str().unwrap())));
    }
}
