//! Rebuilds when a migration changes: `embed_migrations!` does not watch its folder.
fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
