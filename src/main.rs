//! The command line. `latchkey --help` says what there is.

mod cli;

/// Gives memory back: glibc keeps the 19 MiB of a password's hash for each thread that ever made one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
