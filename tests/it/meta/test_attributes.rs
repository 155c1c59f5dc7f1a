//! Tests that the harness would not find.

use std::path::Path;

fn rust_files(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
}

/// Without Rust's own harness the compiler drops functions with its attribute.
#[plain_test]
fn no_test_has_the_attribute_of_the_default_harness() {
    let mut files = Vec::new();
    rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it"), &mut files);
    assert!(files.len() > 40, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let is_default = text.lines().any(|line| line.trim() == concat!("#[", "test]"));
        assert!(!is_default, "{}: use #[db_test] or #[plain_test]", file.display());
    }
}
