//! What can be chosen at start.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// How an [`Emulator`](crate::Emulator) is to be started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen. Default 127.0.0.1, port 0: a free port is chosen.
    pub listen: SocketAddr,
    /// Where the database is kept. Default `None`: a temporary directory, on a
    /// memory file system where there is one, deleted at the end.
    ///
    /// Writes to a data directory are on disk before they are answered; writes
    /// to a temporary one are not.
    pub data_dir: Option<PathBuf>,
    /// Added before each `TransactWriteItems`; other calls go on meanwhile.
    /// Default zero.
    pub transact_delay: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            data_dir: None,
            transact_delay: Duration::ZERO,
        }
    }
}
