//! The command line. `latchkey --help` says what there is.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
