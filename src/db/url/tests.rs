use super::*;
use proptest::prelude::*;

#[test]
fn the_scheme_chooses_the_database() {
    let url = |text: &str| text.parse::<DatabaseUrl>();
    assert_eq!(url("data/latchkey.db").unwrap(), DatabaseUrl::Sqlite("data/latchkey.db".into()));
    assert_eq!(url("sqlite:///var/lib/x.db").unwrap(), DatabaseUrl::Sqlite("/var/lib/x.db".into()));
    assert!(matches!(url("postgresql://h/db").unwrap(), DatabaseUrl::Postgres(_)));
    assert!(url("mysql://h/db").unwrap_err().to_string().contains("\"mysql\""));
    for path in ["sqlite://x@y.db", "sqlite:a=b?c.db"] {
        assert!(matches!(url(path).unwrap(), DatabaseUrl::Sqlite(_)), "{path}");
    }
}

#[test]
fn a_text_that_is_not_understood_does_not_become_a_file() {
    for bad in [
        "postgre://h/secret",
        "postgresql//ada:secret@h/x",
        "postgresql:/h/secret",
        "postgres:ada:secret@h/x",
        "postgres:lk@h/x",
        "//ada:secret@h/x",
        "://secret",
        "p g://secret",
        "host=db.example password=secret",
        "host = db.example",
        "service=secret",
        "ada:secret@db.example/x",
        "db.example:5432/x",
        "/secret?sslmode=require",
        "file:/tmp/secret.db",
        "file:secret.db?mode=ro",
        "sqlite:file:/tmp/secret.db",
        "sqlite://file:secret.db",
        "sqlite::memory:",
        "sqlite://:memory:",
        ":memory:",
        "",
        " ",
        "sqlite://",
        "sqlite:",
        "data/",
        "sqlite://data/",
        "..",
        "a\0b",
    ] {
        let message = bad.parse::<DatabaseUrl>().map_or_else(|error| error.to_string(), |url| panic!("{bad:?}: {url}"));
        assert!(!message.contains("secret"), "{bad}: {message}");
    }
}

#[test]
fn a_remote_host_allows_plaintext_and_a_local_host_does_not() {
    for local in [
        "postgres:///latchkey",
        "postgres://ada:x@localhost/latchkey",
        "postgres://ada@127.0.0.1:5599/latchkey",
        "postgres://ada@[::1]:5432/latchkey",
        "postgres://%2Fvar%2Frun%2Fpostgresql/latchkey",
        "postgres:///latchkey?host=/var/run/postgresql",
        "data/latchkey.db",
    ] {
        assert!(!local.parse::<DatabaseUrl>().unwrap().allows_plaintext(), "{local}");
    }
    for remote in [
        "postgres://ada@db.example/latchkey",
        "postgres://ada@10.0.0.5:5432/latchkey",
        "postgres://ada@localhost,db.example/latchkey",
        "postgres:///latchkey?host=db.example",
        "postgres://localhost/latchkey?hostaddr=10.0.0.5",
        "postgres://localhost@db.example/latchkey?sslmode=prefer",
        "postgres://ada@[2001:db8::1]/latchkey",
    ] {
        assert!(remote.parse::<DatabaseUrl>().unwrap().allows_plaintext(), "{remote}");
    }
    let strict: DatabaseUrl = "postgres://ada@db.example/latchkey?sslmode=verify-full".parse().unwrap();
    assert_eq!(strict.allows_plaintext(), !cfg!(feature = "postgres-tls"));
}

#[test]
fn a_password_in_a_database_url_is_not_shown() {
    let url: DatabaseUrl = "postgres://ada:s3cret@db.example:5432/latchkey?sslpassword=s3cret".parse().unwrap();
    assert_eq!(format!("{url} {url:?}"), "postgres://db.example:5432/latchkey postgres://db.example:5432/latchkey");
}

#[test]
fn a_shell_argument_keeps_everything_but_the_password() {
    for (url, argument) in [
        (
            "postgres://ada:s3cret@db.example:5432/x?sslmode=require&password=s3cret",
            "ada@db.example:5432/x?sslmode=require",
        ),
        ("postgresql://latchkey@/latchkey?host=/run/postgresql", "latchkey@/latchkey?host=/run/postgresql"),
        ("postgres:///x?sslpassword=s3cret", "/x"),
        ("postgres://o'hara@h/x", "o'\\''hara@h/x"),
    ] {
        let url: DatabaseUrl = url.parse().unwrap();
        assert_eq!(url.shell_argument(), format!("'postgres://{argument}'"));
    }
}

#[test]
fn the_error_for_a_malformed_url_does_not_contain_its_password() {
    for bad in [
        "u:pa/secret@h/x",
        "u:pa/secret@h:1/x?a=b",
        "u:sec@ret@h/x",
        "u:sec#ret@h/x",
        "u:sec?ret@h/x",
        "u:sec?r=et@h/x",
        "u:123?secret=@h/x",
        "u:sec ret@h/x",
        "u:sec%zzret@h/x",
        "u:sec%0",
        "u:secret@[::1/x",
        "u:secret",
        "u:secret@h/x?password=a=b",
        "u:secret@h/x?password",
        "u:secret@h/x#y",
        "@/:secret?@=",
        "@[:secret]?@=",
    ] {
        let result = format!("postgres://{bad}").parse::<DatabaseUrl>();
        let message = result.map_or_else(|error| error.to_string(), |url| panic!("{bad} is taken as {url}"));
        assert!(!message.contains("secret") && message.contains("percent-encode"), "{bad}: {message}");
    }
    for good in [
        "",
        "h",
        "/x",
        "u@/x?host=/run/postgresql",
        "u:p%40ss%2F!$'()*@db.example:5432/x?sslmode=disable&application_name=a@b",
        "u:p:q@h1:1,h2:2/x",
        "u@[::1]:5432/x",
        "u@[fe80::1%25eth0]:5432/x",
        "%2Frun%2Fpostgresql/x",
    ] {
        assert!(format!("postgres://{good}").parse::<DatabaseUrl>().is_ok(), "{good}");
    }
}

const SECRET: &str = "hunter2.hunter2";

proptest! {
    #[test]
    fn no_password_is_ever_shown(
        scheme in prop_oneof![Just("postgres"), Just("postgresql")],
        before in "[a-z0-9:@/?#%&=\\[\\] ü]{0,8}:",
        after in "[a-z0-9:/?#%&=\\[\\]ü@]{0,3}@[a-z0-9.:,/?=&@\\[\\]-]{0,20}",
    ) {
        let text = format!("{scheme}://{before}{SECRET}{after}");
        let output = match text.parse::<DatabaseUrl>() {
            Ok(url) => {
                prop_assert!(url == DatabaseUrl::Postgres(text.clone()), "libpq receives the input unchanged");
                format!("{url} {url:?} {}", url.shell_argument())
            }
            Err(error) => format!("{error} {error:?}"),
        };
        prop_assert!(!output.contains(SECRET), "{}: {}", text, output);
    }

    #[test]
    fn any_text_names_one_database_or_none(text in prop_oneof!["(sqlite|postgres|mysql)?:?/{0,3}\\PC{0,20}", any::<String>()]) {
        let Ok(url) = text.parse::<DatabaseUrl>() else { return Ok(()) };
        if let DatabaseUrl::Sqlite(_) = &url {
            prop_assert!(url.to_string().parse::<DatabaseUrl>().unwrap() == url, "{}", text);
            prop_assert!(!url.allows_plaintext());
        }
    }
}
