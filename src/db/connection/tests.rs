use super::*;

#[test]
fn options_of_the_url_follow_this_programs_and_override_them() {
    let options = "-c a=1";
    let encoded = "%2Dc%20a%3D1";
    let with = |url: &str| with_options(url, options);
    assert_eq!(with("postgres:///x?options=-c%20b"), format!("postgres:///x?options={encoded}%20-c%20b"));
    assert_eq!(with("postgres:///x?a=b&options=c"), format!("postgres:///x?a=b&options={encoded}%20c"));
    assert!(with("postgres:///x?a=b").starts_with(&format!("postgres:///x?a=b&options={encoded}%20")));
}

#[test]
fn a_file_is_opened_by_exactly_its_path() {
    use std::os::unix::ffi::OsStrExt as _;
    assert!(open_file(Path::new("file:missing/x?mode=memory")).is_err(), "not a URI");
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join("a?mode=ro&b.db");
    open_file(&odd).unwrap().batch_execute("CREATE TABLE t (x)").unwrap();
    assert!(odd.is_file());
    assert!(open_file(Path::new(std::ffi::OsStr::from_bytes(b"src/\xff"))).is_err());
}
