//! The import rule of `src/lib.rs`: reads the `crate::` and `super::` paths of every source file and fails on an import
//! that points upwards, and on a circle between files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Each top-level module, and the other top-level modules that its files may import.
const IMPORTS: [(&str, &str); 18] = [
    ("base", ""),
    ("db", "base"),
    ("web", "db base"),
    ("audit", "db base"),
    ("usage", "audit db base"),
    ("config", "db base"),
    ("accounts", "web audit config db base"),
    ("workspaces", "accounts web audit config db base"),
    ("tokens", "workspaces usage accounts web audit config db base"),
    ("auth", "tokens workspaces usage accounts web audit config db base"),
    ("activity", "tokens workspaces usage accounts web audit config db base"),
    ("members", "tokens workspaces usage accounts web audit config db base"),
    ("api", "auth tokens workspaces usage accounts web audit config db base"),
    ("health", "accounts web audit config db base"),
    ("routes", "health api auth members activity tokens workspaces usage accounts web audit config db base"),
    ("background", "tokens workspaces usage accounts web audit config db base"),
    (
        "server",
        "background routes health api auth members activity tokens workspaces usage accounts web audit config db base",
    ),
    (
        "cli",
        "server background routes health api auth members activity tokens workspaces usage accounts web audit config db base",
    ),
];

/// Files outside `db` that name diesel although they are not called `store`, each with its reason.
const DATA_ACCESS: [(&str, &str); 4] = [
    ("accounts/login_throttle.rs", "the limits and the queries that count against them are one unit"),
    ("accounts/site_settings.rs", "one table of keys and values, read at start"),
    ("audit/event.rs", "an event is one INSERT"),
    ("auth/epoch.rs", "the epoch and the query for it on each database are one unit"),
];

/// The source files of `src`, by their path below it.
fn sources() -> BTreeMap<String, String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = BTreeMap::new();
    let mut folders = vec![src.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let name = path.strip_prefix(&src).unwrap().to_string_lossy().into_owned();
                files.insert(name, code(&std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files
}

/// The source without unit tests and comments.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// `tokens/pages/list.rs` is `tokens::pages::list`; `tokens/mod.rs` is `tokens`.
fn module(file: &str) -> Vec<String> {
    let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').map(str::to_owned).collect()
}

/// Splits at the commas that are not inside braces.
fn split_list(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&list[start..]);
    parts
}

/// The paths of a `use` tree, flat.
fn flatten(tree: &str, prefix: &[String], paths: &mut Vec<Vec<String>>) {
    let (path, list) = tree.trim().split_once('{').map_or((tree.trim(), None), |(path, list)| (path, Some(list)));
    let mut all = prefix.to_vec();
    all.extend(path.split("::").map(str::trim).filter(|name| !name.is_empty() && *name != "self").map(str::to_owned));
    match list {
        None => paths.push(all),
        Some(list) => {
            let list = list.trim_end().strip_suffix('}').unwrap_or(list);
            split_list(list).into_iter().filter(|it| !it.trim().is_empty()).for_each(|it| flatten(it, &all, paths));
        }
    }
}

/// The files that `file` imports.
fn imports(file: &str, code: &str, files: &BTreeMap<String, String>) -> BTreeSet<String> {
    let own = module(file);
    let mut paths = Vec::new();
    for start in ["crate::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let is_use = code[..at].trim_end().ends_with("use");
            let end = if is_use { ';' } else { '\n' };
            let rest = code[at..].split(end).next().unwrap();
            let tree = if is_use {
                rest
            } else {
                rest.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').next().unwrap()
            };
            flatten(tree, &[], &mut paths);
        }
    }
    let mut found = BTreeSet::new();
    for path in paths {
        let mut absolute = if path.first().is_some_and(|it| it == "super") { own.clone() } else { Vec::new() };
        for name in path {
            match name.as_str() {
                "crate" => {}
                "super" => drop(absolute.pop()),
                name => absolute.push(name.split(' ').next().unwrap().to_owned()),
            }
        }
        let target = (1..=absolute.len()).rev().find_map(|length| {
            let path = absolute[..length].join("/");
            [format!("{path}.rs"), format!("{path}/mod.rs")].into_iter().find(|file| files.contains_key(file))
        });
        found.extend(target.filter(|target| target != file));
    }
    found
}

fn top(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap()
}

#[plain_test]
fn every_import_follows_the_import_rule() {
    let files = sources();
    let rules: BTreeMap<&str, Vec<&str>> =
        IMPORTS.iter().map(|(from, to)| (*from, to.split(' ').collect::<Vec<_>>())).collect();
    let mut wrong = Vec::new();
    for (file, code) in files.iter().filter(|(file, _)| *file != "lib.rs" && *file != "main.rs") {
        let allowed = rules.get(top(file)).unwrap_or_else(|| panic!("{file}: add its module to the table"));
        for target in imports(file, code, &files) {
            if top(&target) != top(file) && !allowed.contains(&top(&target)) {
                wrong.push(format!("{file} imports {target}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[plain_test]
fn no_files_import_each_other_in_a_circle() {
    let files = sources();
    let mut edges: BTreeMap<&str, BTreeSet<String>> =
        files.iter().map(|(file, code)| (file.as_str(), imports(file, code, &files))).collect();
    // Files that import nothing that is left cannot be part of a circle.
    while let Some(leaf) = edges.iter().find(|(_, to)| !to.iter().any(|to| edges.contains_key(to.as_str()))) {
        let leaf = *leaf.0;
        edges.remove(leaf);
    }
    assert!(edges.is_empty(), "these files are part of, or lead to, a circle: {edges:#?}");
}

#[plain_test]
fn only_stores_and_the_database_module_name_diesel() {
    for (file, code) in sources() {
        let may = file.starts_with("db/")
            || file.ends_with("store.rs")
            || file.ends_with("store/tests.rs")
            || DATA_ACCESS.iter().any(|(it, _)| *it == file);
        assert!(may || !code.contains("diesel"), "{file} names diesel");
    }
}

#[plain_test]
fn stores_and_models_do_not_know_http() {
    for (file, code) in sources() {
        let pure = file.ends_with("/store.rs") || file.ends_with("/model.rs") || file.starts_with("base/");
        assert!(!pure || !code.contains("actix_web"), "{file} names actix_web");
    }
}

#[plain_test]
fn a_file_has_at_most_350_lines_of_code() {
    for (file, code) in sources() {
        let lines = code.lines().count();
        assert!(lines <= 350, "{file} has {lines} lines: split it by reason to change");
    }
}
