//! The emulator's life: a thread of its own, from start to the deleted files.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::engine::{Bounds, Engine};
use crate::service_stack::ServiceStack;
use crate::store::Store;
use crate::{Behaviour, Control, Options, control, maintenance, server};

/// How long dropping an [`Emulator`] waits for its thread.
const DROP_WAIT_MAX: Duration = Duration::from_secs(3);

/// Stream records that a temporary database keeps, of all its tables together.
const TEMPORARY_RECORDS_MAX: u64 = 100_000;

/// How long maintenance in progress may delay the end.
const RUNTIME_WAIT_MAX: Duration = Duration::from_secs(1);

/// Why an emulator did not start. Each message says in one line what to change.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another process listens there.
    #[error("{address} is in use: choose another port, or 0 for a free one")]
    AddressInUse {
        /// The address to listen on.
        address: SocketAddr,
    },
    /// The address cannot be listened on for another reason.
    #[error("cannot listen on {address}")]
    Address {
        /// The address to listen on.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
    /// The data directory cannot be created or written.
    #[error("data directory {}", path.display())]
    DataDir {
        /// The directory as given.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Another emulator has the data directory open.
    #[error("data directory {} is in use by another emulator", path.display())]
    DataDirLocked {
        /// The directory as given.
        path: PathBuf,
    },
    /// No temporary directory could be created.
    #[error("no temporary directory in {}", path.display())]
    Temporary {
        /// Where it was attempted.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The directory holds something that is not a database of this version.
    #[error("database in {}: {reason}", path.display())]
    Database {
        /// The directory of the database.
        path: PathBuf,
        /// The engine's error.
        reason: String,
    },
    /// An option is out of its range.
    #[error("{0}")]
    Options(&'static str),
    /// The thread or its runtime could not be started.
    #[error("cannot start the emulator's thread: {0}")]
    Thread(#[from] io::Error),
}

/// A running embedded DynamoDB.
///
/// Dropping it stops it and deletes its temporary files, waiting at most three
/// seconds; [`Emulator::shutdown`] does the same without blocking the caller's
/// runtime.
#[derive(Debug)]
pub struct Emulator {
    address: SocketAddr,
    control: Control,
    stop: CancellationToken,
    /// Disconnects when the thread has closed the database and deleted its files.
    ended: mpsc::Receiver<()>,
}

impl Emulator {
    /// Starts an emulator and returns once it listens.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        if let Some(problem) = options.behaviour.problem() {
            return Err(StartError::Options(problem));
        }
        let stop = CancellationToken::new();
        let (started_sender, started) = oneshot::channel();
        let (ended_sender, ended) = mpsc::channel();
        let stop_of_thread = stop.clone();
        thread::Builder::new().name("dynamodb-emulator".to_owned()).spawn(move || {
            run(&options, stop_of_thread, started_sender);
            drop(ended_sender);
        })?;
        let (address, control) = started
            .await
            .unwrap_or_else(|_| Err(StartError::Thread(io::Error::other("it ended at once"))))?;
        Ok(Self { address, control, stop, ended })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, for the SDK's `endpoint_url`; DynamoDB and Streams alike.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its control: faults, latency, shards, and what has happened so far.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Stops accepting, lets open requests finish (at most a second), closes the
    /// database and deletes temporary files.
    pub async fn shutdown(self) {
        self.stop.cancel();
        // Drop blocks, so it runs where blocking harms nobody.
        if tokio::task::spawn_blocking(move || drop(self)).await.is_err() {
            tracing::warn!("shutdown ended before the emulator did");
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.stop.cancel();
        if self.ended.recv_timeout(DROP_WAIT_MAX) == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::warn!("the emulator's thread has not ended yet");
        }
    }
}

/// The thread: everything it holds is gone when it returns.
fn run(
    options: &Options,
    stop: CancellationToken,
    started: oneshot::Sender<Result<(SocketAddr, Control), StartError>>,
) {
    let (runtime, listener, address, store) = match prepare(options) {
        Ok(prepared) => prepared,
        Err(error) => {
            if started.send(Err(error)).is_err() {
                tracing::debug!("nobody was waiting for the emulator to start");
            }
            return;
        }
    };
    let seed = options.seed.unwrap_or_else(rand::random);
    let engine = Engine::new(store.database.clone(), store.streams.clone(), bounds(options));
    let front = ServiceStack::new(engine.clone(), options, seed);
    if options.behaviour != Behaviour::default() {
        // Without it a run with faults could not be repeated.
        tracing::info!(seed, %address, "behaviour differs from that of an ideal store");
    }
    // If nobody waits any more, there is nobody to serve.
    if started.send(Ok((address, front.handle()))).is_ok() {
        let script =
            control::follow(options.behaviour.script.clone(), front.handle(), stop.clone());
        let maintenance = maintenance::keep(engine, stop.clone());
        runtime.block_on(async {
            tokio::join!(server::serve(listener, front, stop), script, maintenance)
        });
    }
    // Connections still open hold the database: they go before it.
    runtime.shutdown_timeout(RUNTIME_WAIT_MAX);
    drop(store);
}

/// A temporary database lies in memory, so it is bounded. Streams with shards of their own keep what
/// they show themselves, and must have read all of it before it goes.
fn bounds(options: &Options) -> Bounds {
    if options.data_dir.is_some() {
        return Bounds::default();
    }
    let has_shards = options.behaviour.streams.shards > 0;
    Bounds {
        bytes_max: Some(options.temporary_bytes_max),
        records_max: (!has_shards).then_some(TEMPORARY_RECORDS_MAX),
    }
}

fn prepare(options: &Options) -> Result<(Runtime, TcpListener, SocketAddr, Store), StartError> {
    let address = options.listen;
    // One thread: the engine has one mutex and would only be contended for.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind(address)).map_err(|source| {
        if source.kind() == io::ErrorKind::AddrInUse {
            StartError::AddressInUse { address }
        } else {
            StartError::Address { address, source }
        }
    })?;
    let address = listener.local_addr()?;
    let store = match &options.data_dir {
        Some(dir) => Store::open(dir)?,
        None => Store::temporary()?,
    };
    Ok((runtime, listener, address, store))
}
