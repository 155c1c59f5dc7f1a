//! The files and tests that the documents name exist.

use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every document, and what stands in it.
fn documents() -> Vec<(PathBuf, String)> {
    let folders = ["docs", "docs/adr", "docs/reference"].map(|name| root().join(name));
    let docs =
        folders.into_iter().flat_map(|folder| std::fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    let others = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"].map(|name| root().join(name));
    let documents = docs.chain(others).filter(|path| path.extension().is_some_and(|end| end == "md"));
    documents.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

#[plain_test]
fn every_link_of_the_documents_leads_to_a_file() {
    let mut links = 0;
    for (path, text) in documents() {
        for rest in text.split("](").skip(1) {
            let target = rest.split([')', '#']).next().unwrap();
            if target.is_empty() || target.starts_with("http") {
                continue;
            }
            assert!(path.parent().unwrap().join(target).exists(), "{} links to {target}", path.display());
            links += 1;
        }
    }
    assert!(links > 20, "{links} links");
}

/// The source of the test module `module`: `api::users`, `cli::users` or, for a unit test, `src/api/forward_auth.rs`.
fn module(module: &str) -> Option<String> {
    let name = module.replace("::", "/");
    let places = [format!("tests/it/{name}.rs"), format!("tests/it/{name}/mod.rs"), format!("tests/{name}.rs"), name];
    places.iter().find_map(|place| std::fs::read_to_string(root().join(place)).ok())
}

#[plain_test]
fn every_test_named_in_the_threat_model_exists() {
    let text = std::fs::read_to_string(root().join("docs/security.md")).unwrap();
    let mut named = 0;
    for quoted in text.split('`').skip(1).step_by(2) {
        let Some((place, name)) = quoted.rsplit_once("::") else { continue };
        if name == "…" || quoted == "file::name" {
            continue;
        }
        let source = module(place).unwrap_or_else(|| panic!("there is no {place}"));
        assert!(source.contains(&format!("fn {name}(")), "{place} has no test {name}");
        named += 1;
    }
    assert!(named > 50, "{named} tests are named");
}
