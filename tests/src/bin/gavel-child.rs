//! The real `gavel-server` as a child of the tests. It ends when its standard input does, so that none is
//! left behind by a test that was killed.

use std::io::Read as _;
use std::process::ExitCode;

use nix::sys::signal::{Signal, raise};

fn main() -> ExitCode {
    std::thread::spawn(|| {
        // Whatever becomes of the pipe, the test is over.
        std::io::stdin().read_to_end(&mut Vec::new()).ok();
        raise(Signal::SIGTERM).expect("a signal to itself");
    });
    gavel_server::command::main()
}
