//! Names of earlier versions that are not standard terms do not come back.

use std::path::{Path, PathBuf};

/// Whole words, as they stood in code.
const REPLACED: [&str; 29] = [
    "Door",
    "Rack",
    "Passes",
    "Looks",
    "Lookups",
    "Near",
    "Lane",
    "Holder",
    "Founder",
    "happenings",
    "Happening",
    "Presented",
    "Refusal",
    "Shell",
    "PersonShell",
    "TeamMember",
    "Concern",
    "NotAnId",
    "FormKey",
    "Opened",
    "Turned",
    "Admitted",
    "Admission",
    "Demands",
    "NoClient",
    "UserKey",
    "TokenKey",
    "ValueKey",
    "MembershipKey",
];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|end| ["rs", "md", "html"].iter().any(|it| end == *it)) {
            found.push(path);
        }
    }
}

#[plain_test]
fn no_replaced_name_is_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
    for folder in ["src", "tests", "benches", "docs", "templates"] {
        files(&root.join(folder), &mut all);
    }
    let mut used = Vec::new();
    for path in all.iter().filter(|path| !path.ends_with("meta/vocabulary.rs")) {
        let text = std::fs::read_to_string(path).unwrap();
        for word in text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| REPLACED.contains(word)) {
            used.push(format!("{}: {word}", path.strip_prefix(root).unwrap().display()));
        }
    }
    assert!(used.is_empty(), "{used:#?}");
}
