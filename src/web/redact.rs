//! What of a request's target may be written down. Links that work once carry their code in it, and people paste
//! secrets where they don't belong.

use std::borrow::Cow;

/// Behind these, whatever follows is a code, or was meant to be one.
const SECRET_PATHS: [&str; 2] = ["/invitations/", "/reset/"];

/// As long as a code is; a token's value is longer. Identifiers have hyphens.
const MIN_SECRET_LEN: usize = 32;

/// The target without what may be a secret: what follows where codes stand, and each long run of letters and digits.
#[must_use]
pub fn redact_url(target: &str) -> Cow<'_, str> {
    for start in SECRET_PATHS {
        if target.strip_prefix(start).is_some_and(|code| !code.is_empty()) {
            return Cow::Owned(format!("{start}…"));
        }
    }
    let is_run = |run: &str| run.len() >= MIN_SECRET_LEN;
    let runs = || target.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
    let run_of = |piece: &str| piece.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()).len();
    if !runs().any(|piece| is_run(&piece[..run_of(piece)])) {
        return Cow::Borrowed(target);
    }
    let mut kept = String::new();
    for piece in runs() {
        let (run, end) = piece.split_at(run_of(piece));
        kept.push_str(if is_run(run) { "…" } else { run });
        kept.push_str(end);
    }
    Cow::Owned(kept)
}

/// Is there something in the target that may be a secret?
#[must_use]
pub fn contains_secret(target: &str) -> bool {
    matches!(redact_url(target), Cow::Owned(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_code_is_not_written_down_and_everything_else_is() {
        let code = "0123456789abcdefABCDEF0123456789";
        let uuid = "0199c2b4-0000-7000-8000-000000000000";
        for (target, written) in [
            (format!("/invitations/{code}"), "/invitations/…".to_owned()),
            (format!("/invitations/{}", &code[1..]), "/invitations/…".to_owned()),
            (format!("/reset/{code}/more"), "/reset/…".to_owned()),
            (format!("/%69nvitations/{code}."), "/%69nvitations/….".to_owned()),
            (format!("/login?next=%2Freset%2F{code}"), "/login?next=%2Freset%…".to_owned()),
            (format!("/setup?code={code}&x"), "/setup?code=…&x".to_owned()),
            (format!("/api/v2/rpat{code}0123456789"), "/api/v2/…".to_owned()),
            (format!("/é{code}é"), "/é…é".to_owned()),
        ] {
            assert_eq!(redact_url(&target), written);
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
        fn no_code_is_left_in_what_is_written_down(
            before in "[/%=?&.a-z0-9é-]{0,20}",
            code in "[0-9A-Za-z]{32,46}",
            after in "([/%=?&.é-][a-z0-9/.]{0,20})?",
        ) {
            let target = format!("/{before}{code}{after}");
            let written = redact_url(&target).into_owned();
            prop_assert!(!written.contains(&code), "{}", written);
            prop_assert!(contains_secret(&target));
            let longest = written.split(|c: char| !c.is_ascii_alphanumeric()).map(str::len).max();
            prop_assert!(longest.is_none_or(|length| length < MIN_SECRET_LEN), "{}", written);
        }

        #[test]
        fn whatever_is_asked_can_be_written_down(target in any::<String>()) {
            let written = redact_url(&target).into_owned();
            prop_assert_eq!(&redact_url(&written).replace('…', ""), &written.replace('…', ""), "twice is no more than once");
        }
    }
}
