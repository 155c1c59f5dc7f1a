//! The format of a value, as `docs/token-format.md` documents it for secret scanners.

use std::fmt::Write as _;
use std::process::Command;

use latchkey::base::random;
use latchkey::tokens::secret::{TokenValue, ValueDigest};

fn document() -> String {
    std::fs::read_to_string("docs/token-format.md").unwrap()
}

/// The rows of the table of test vectors: a text, and whether it is a value.
fn vectors(document: &str) -> Vec<(&str, bool)> {
    let rows = document.split("| value | valid |").nth(1).unwrap().lines().skip(2);
    rows.take_while(|line| line.starts_with("| `"))
        .map(|line| {
            let mut cells = line.split('|').map(str::trim).skip(1);
            let (text, verdict) = (cells.next().unwrap().trim_matches('`'), cells.next().unwrap());
            assert!(verdict == "yes" || verdict.starts_with("no: "), "{line}");
            (text, verdict == "yes")
        })
        .collect()
}

#[plain_test]
fn the_documented_test_vectors_are_correct() {
    let document = document();
    let vectors = vectors(&document);
    for wanted in [true, false] {
        assert!(vectors.iter().filter(|(_, is_one)| *is_one == wanted).count() >= 5, "{vectors:?}");
    }
    for (text, is_one) in vectors {
        assert_eq!(ValueDigest::parse(text).is_some(), is_one, "{text}");
    }
}

#[plain_test(needs(python))]
fn the_documented_python_code_recognizes_values() {
    let document = document();
    let code = document.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(code.lines().filter(|line| !line.is_empty()).count() <= 15, "short enough to copy");
    let fresh = TokenValue::generate(&mut random::os_rng());
    let mut checks = code.to_owned();
    for (text, is_one) in vectors(&document).into_iter().chain([(fresh.reveal(), true), ("", false)]) {
        let is_one = if is_one { "True" } else { "False" };
        writeln!(checks, "assert is_token({text:?}) is {is_one}, {text:?}").unwrap();
    }
    let ran = Command::new("python3").args(["-c", &checks]).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

#[plain_test]
fn the_gitleaks_rule_has_the_documented_pattern() {
    let (document, rule) = (document(), std::fs::read_to_string("deploy/gitleaks.toml").unwrap());
    let pattern = r"\brpat[0-9A-Za-z]{42}\b";
    assert!(document.contains(&format!("```\n{pattern}\n```")));
    let quoted = rule.lines().find_map(|line| line.strip_prefix("regex = '''")?.strip_suffix("'''")).unwrap();
    assert_eq!(quoted.replace(['(', ')'], ""), pattern);
    assert_eq!(latchkey::tokens::secret::LENGTH, 46);
    assert!(rule.contains(&format!("keywords = [\"{}\"]", latchkey::tokens::secret::PREFIX)));
}
