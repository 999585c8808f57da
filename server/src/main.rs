//! See [`gavel_server::command`].

use std::process::ExitCode;

fn main() -> ExitCode {
    gavel_server::command::main()
}
