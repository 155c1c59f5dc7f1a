//! Who may import whom. Reads the `crate::` paths of every source file and fails on a wrong arrow.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The rooms of the house from the bottom up: each may use those before it, but `api` and `team` don't know each other.
const ROOMS: [&str; 9] = ["kernel", "accounts", "workspaces", "tokens", "team", "api", "routes", "config", "server"];

fn may_import(from: &str, to: &str) -> bool {
    match (from, to) {
        _ if from == to => true,
        ("kernel", _) => false,
        // Settings are words about the kernel's things.
        ("config", to) => to == "kernel",
        ("server", _) => true,
        ("routes", to) => to != "config" && to != "server",
        ("api", "team") | ("team", "api") => false,
        _ => ROOMS.iter().position(|room| *room == to) < ROOMS.iter().position(|room| *room == from),
    }
}

/// Inside a feature: `pages, extract → mod → store`.
fn layer(file: &str) -> u8 {
    match file {
        "store.rs" | "session_store.rs" => 0,
        "pages.rs" | "extract.rs" | "overview.rs" | "shell.rs" | "setup.rs" => 2,
        _ => 1,
    }
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
    files
}

/// The source, without its unit tests, comments and strings' worth of words.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn words_after<'a>(code: &'a str, start: &str) -> Vec<&'a str> {
    code.match_indices(start)
        .map(|(at, _)| code[at + start.len()..].split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap())
        .collect()
}

#[plain_test]
fn every_import_points_down() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut seen = BTreeMap::new();
    for path in sources(&src) {
        let place = path.strip_prefix(&src).unwrap().to_string_lossy().into_owned();
        let room = place.split(['/', '.']).next().unwrap().to_owned();
        if ["lib", "main", "cli"].contains(&room.as_str()) {
            continue;
        }
        *seen.entry(room.clone()).or_insert(0) += 1;
        for to in words_after(&code(&path), "crate::") {
            if ROOMS.contains(&to) && !may_import(&room, to) {
                wrong.push(format!("{place} imports {to}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(seen.len(), ROOMS.len(), "the list of rooms is not the house: {seen:?}");
}

#[plain_test]
fn only_stores_and_the_database_layer_name_diesel() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for path in sources(&src) {
        let place = path.strip_prefix(&src).unwrap().to_string_lossy().into_owned();
        let may = place.starts_with("kernel/db/") || place.ends_with("store.rs");
        assert!(may || !code(&path).contains("diesel"), "{place} names diesel");
        let knows_http = code(&path).contains("actix_web")
            && (place.ends_with("/store.rs") || place.starts_with("kernel/db/connection"));
        assert!(!knows_http, "{place} is a store and names the web");
    }
}

#[plain_test]
fn stores_do_not_import_pages() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for feature in ["accounts", "workspaces", "tokens", "team"] {
        for path in sources(&src.join(feature)) {
            let file = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.components().any(|folder| folder.as_os_str() == "pages") {
                continue;
            }
            let code = code(&path);
            let pages = [
                "super::pages",
                "super::extract",
                &format!("crate::{feature}::pages"),
                &format!("crate::{feature}::extract"),
            ]
            .iter()
            .any(|it| code.contains(*it));
            assert!(layer(&file) == 2 || !pages, "{feature}/{file} knows its pages");
        }
    }
}
