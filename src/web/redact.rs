//! Redaction of request targets for logs. One-time links have their code in the path or query, and users paste token
//! values into URLs.

use std::borrow::Cow;

/// Prefixes of paths whose rest is a code, or a mistyped one.
const SECRET_PATHS: [&str; 2] = ["/invitations/", "/reset/"];

/// Length of a one-time code; token values are longer. UUIDs have shorter runs, because of their hyphens.
const MIN_SECRET_LEN: usize = 32;

/// Replaces what may be a secret by `…`: the rest of a path after [`SECRET_PATHS`], and each run of at least
/// [`MIN_SECRET_LEN`] letters and digits.
#[must_use]
pub(crate) fn redact_url(target: &str) -> Cow<'_, str> {
    for start in SECRET_PATHS {
        if target.strip_prefix(start).is_some_and(|code| !code.is_empty()) {
            return Cow::Owned(format!("{start}…"));
        }
    }
    let is_secret = |run: &str| run.len() >= MIN_SECRET_LEN;
    let pieces = || target.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
    let run_len = |piece: &str| piece.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()).len();
    if !pieces().any(|piece| is_secret(&piece[..run_len(piece)])) {
        return Cow::Borrowed(target);
    }
    let mut redacted = String::new();
    for piece in pieces() {
        let (run, end) = piece.split_at(run_len(piece));
        redacted.push_str(if is_secret(run) { "…" } else { run });
        redacted.push_str(end);
    }
    Cow::Owned(redacted)
}

/// Returns whether [`redact_url`] would change the target.
#[must_use]
pub(crate) fn contains_secret(target: &str) -> bool {
    matches!(redact_url(target), Cow::Owned(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn codes_and_values_are_redacted_and_other_targets_are_unchanged() {
        let code = "0123456789abcdefABCDEF0123456789";
        let uuid = "0199c2b4-0000-7000-8000-000000000000";
        for (target, redacted) in [
            (format!("/invitations/{code}"), "/invitations/…".to_owned()),
            (format!("/invitations/{}", &code[1..]), "/invitations/…".to_owned()),
            (format!("/reset/{code}/more"), "/reset/…".to_owned()),
            (format!("/%69nvitations/{code}."), "/%69nvitations/….".to_owned()),
            (format!("/login?next=%2Freset%2F{code}"), "/login?next=%2Freset%…".to_owned()),
            (format!("/setup?code={code}&x"), "/setup?code=…&x".to_owned()),
            (format!("/api/v2/rpat{code}0123456789"), "/api/v2/…".to_owned()),
            (format!("/é{code}é"), "/é…é".to_owned()),
        ] {
            assert_eq!(redact_url(&target), redacted);
            assert!(contains_secret(&target));
        }
        for plain in ["/", "/reset/", "/w/acme/settings/tokens", &format!("/w/acme/settings/tokens/{uuid}/delete"), ""]
        {
            assert_eq!(redact_url(plain), plain);
            assert!(!contains_secret(plain));
        }
    }

    proptest! {
        #[test]
        fn a_redacted_target_contains_no_code(
            before in "[/%=?&.a-z0-9é-]{0,20}",
            code in "[0-9A-Za-z]{32,46}",
            after in "([/%=?&.é-][a-z0-9/.]{0,20})?",
        ) {
            let target = format!("/{before}{code}{after}");
            let redacted = redact_url(&target).into_owned();
            prop_assert!(!redacted.contains(&code), "{}", redacted);
            prop_assert!(contains_secret(&target));
            let longest = redacted.split(|c: char| !c.is_ascii_alphanumeric()).map(str::len).max();
            prop_assert!(longest.is_none_or(|length| length < MIN_SECRET_LEN), "{}", redacted);
        }

        #[test]
        fn redacting_twice_removes_no_more_than_redacting_once(target in any::<String>()) {
            let redacted = redact_url(&target).into_owned();
            prop_assert_eq!(&redact_url(&redacted).replace('…', ""), &redacted.replace('…', ""));
        }
    }
}
