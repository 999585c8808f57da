//! The process: builds the components, owns every task and the shutdown sequence.

mod parts;
mod identity;
#[cfg_attr(not(feature = "embedded"), path = "app/not_embedded.rs")]
mod embedded;
#[cfg(feature = "lambda-model")]
mod lambda;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use gavel_core::relay::Health;
use gavel_core::store::connect::{Endpoint, connect};
use gavel_core::store::setup::{SetupError, open_table};
use gavel_core::tasks::Tasks;
use gavel_trace::{Sampler, Tracer};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::auth::Role;
use crate::cluster;
use crate::compute::ComputePool;
use crate::config::{self, Args, Dynamodb, Switch};
use crate::demo::{self, Demo};
use crate::http::page::Page;
use crate::http::playground::{Examples, Playground};
use crate::http::serve::{Listener, listen};
use crate::http::tls::Tls;
use crate::limiter::ClientLimiter;
use crate::limits;
use embedded::Embedded;
use identity::Identity;
use parts::{Components, Listeners, Prepared};

/// The name of this service in traces.
const SERVICE: &str = "gavel-server";

/// What a service reports once it has started.
#[derive(Debug, Clone)]
pub struct Ready {
    /// The address of GraphQL.
    pub address: SocketAddr,
    /// The address of /healthz, /readyz and /metrics.
    pub admin_address: SocketAddr,
    /// Whether GraphQL is served over TLS.
    pub is_encrypted: bool,
    /// The endpoint of the embedded DynamoDB, if it runs.
    pub embedded_endpoint: Option<String>,
    /// Whether browsers are served the playground.
    pub has_playground: bool,
    /// Whether browsers are served the page for bidders.
    pub has_page: bool,
    /// Auctions and tokens of the demo, if it was asked for.
    pub demo: Option<Demo>,
    /// The health and counts of the relay, kept up to date.
    pub relay: Health,
}

/// Checks settings, and the files that they name, without binding a port or connecting anywhere. A
/// JWK set at a URL is not fetched.
///
/// # Errors
/// When the service could not start with them; one line says why.
pub async fn check(args: &Args) -> anyhow::Result<()> {
    config::check(args)?;
    #[cfg(feature = "lambda-model")]
    lambda::settings(args)?;
    #[cfg(feature = "embedded")]
    embedded::check(&args.embedded)?;
    if let Some(files) = args.listening.tls() {
        drop(Tls::open(files)?);
    }
    Identity::check(&args.tokens).await
}

/// Runs the service until `shutdown` is cancelled or a part fails.
///
/// # Errors
/// When it cannot start (one line says why), or when it could not end cleanly.
pub async fn run(
    args: Args,
    shutdown: CancellationToken,
    on_ready: impl FnOnce(&Ready),
) -> anyhow::Result<()> {
    // Boxed: it is large, and there is one.
    Box::pin(run_to_the_end(args, shutdown, on_ready)).await
}

async fn run_to_the_end(
    args: Args,
    shutdown: CancellationToken,
    on_ready: impl FnOnce(&Ready),
) -> anyhow::Result<()> {
    config::check(&args)?;
    let identity = Identity::open(&args.tokens).await?;
    #[cfg(feature = "fault-injection")]
    if let Some(what) = args.observing.fault_injection {
        gavel_core::fault_injection::set(what);
    }
    let (allowances, documents) = (args.allowances()?, args.documents.known()?);
    let secret_is_random = identity.secret_is_random;
    let tls = args.listening.tls().map(Tls::open).transpose()?;
    let listener = bind("listen", args.listening.listen)?;
    let admin = match args.listening.admin_listen {
        Some(address) => Some(bind("admin-listen", address)?),
        None => None,
    };
    #[cfg(feature = "lambda-model")]
    let lambda = lambda::settings(&args)?;
    let tracer = tracer(&args)?;
    let embedded = match args.store.dynamodb {
        Dynamodb::Embedded => Some(Embedded::start(&args).await?),
        Dynamodb::Aws | Dynamodb::Url(_) => None,
    };
    let endpoint = match (&args.store.dynamodb, &embedded) {
        (Dynamodb::Aws, _) => Endpoint::Aws,
        (Dynamodb::Url(url), _) => Endpoint::Url(url.clone()),
        (Dynamodb::Embedded, Some(embedded)) => Endpoint::Embedded(embedded.endpoint()),
        (Dynamodb::Embedded, None) => bail!("the embedded DynamoDB was not started"),
    };
    let clients = connect(&endpoint).await;
    let opened = tokio::select! {
        () = shutdown.cancelled() => return Ok(()),
        opened = open_table(&clients.dynamodb, &args.store.table, args.store.creates_table()) => opened?,
    };
    let Some(stream_arn) = opened else {
        let place = clients.place(&endpoint).await;
        return Err(SetupError::Absent { table: args.store.table.clone(), place }.into());
    };
    let (tasks, background) = (Tasks::default(), CancellationToken::new());
    let prepared = Prepared {
        clients,
        stream_arn,
        identity,
        limiter: ClientLimiter::new(allowances),
        tracer: tracer.clone(),
        compute: ComputePool::start()?,
        connected: cluster::connect(&args.cluster, &args.store.table, &tasks, &background).await?,
        tasks,
        background,
        documents,
    };
    let parts = Components::build(&args, prepared);
    #[cfg(feature = "lambda-model")]
    let parts = match lambda {
        Some(settings) => parts.with_lambda(settings),
        None => parts,
    };

    // Nobody else can mint a token for a secret that was generated here.
    let demo = if args.listening.demo || secret_is_random {
        let seed = args.listening.demo || args.store.dynamodb == Dynamodb::Embedded;
        let ids = if seed { demo::auctions(&parts.store).await? } else { Vec::new() };
        Some(Demo::new(ids, &parts.identity.verifier)?)
    } else {
        None
    };
    let ready = Ready {
        address: listener.local_addr()?,
        admin_address: admin.as_ref().unwrap_or(&listener).local_addr()?,
        is_encrypted: tls.is_some(),
        embedded_endpoint: embedded.as_ref().map(Embedded::endpoint),
        has_playground: args.access.playground == Switch::On,
        has_page: args.access.page == Switch::On,
        demo,
        relay: parts.relay.health(),
    };
    let examples = Examples {
        auction_id: (ready.demo.as_ref())
            .and_then(|demo| demo.auction_ids.first())
            .map(ToString::to_string),
        // Tokens are handed out only with a random secret, which protects nothing but this process.
        token: (ready.demo.as_ref().filter(|_| secret_is_random))
            .map(|demo| demo.token(Role::Bidder).to_owned()),
    };
    let playground = (args.access.playground == Switch::On)
        .then(|| Arc::new(Playground::new(&args.listening.playground_dir, &examples)));
    let listeners = Listeners { public: Listener { socket: listener, tls }, admin };
    let page = (args.access.page == Switch::On)
        .then(|| Arc::new(Page::new(secret_is_random.then(|| parts.identity.verifier.clone()))));
    let running = parts.start(listeners, (playground, page), &args);
    on_ready(&ready);

    tokio::select! {
        () = shutdown.cancelled() => {}
        () = running.tasks.failed() => {}
    }
    let stopped = running.stop().await;
    // Exports the spans of the last bids; a collector that does not answer is given up.
    let flush = tokio::task::spawn_blocking(move || tracer.flush());
    timeout(limits::TRACE_FLUSH_TIMEOUT, flush).await.ok();
    stopped?;
    if let Some(embedded) = embedded {
        embedded.stop().await;
    }
    Ok(())
}

/// Cancels on SIGINT or SIGTERM; a second signal ends the process at once.
///
/// # Errors
/// When signals cannot be listened to.
pub fn on_signal(shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Tasks::default().spawn("signals", async move {
        for first in [true, false] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if first {
                info!("stopping; a second signal exits at once");
                shutdown.cancel();
            } else {
                std::process::exit(1);
            }
        }
    });
    Ok(())
}

/// The tracer: to the endpoint of the flag, else as the OTEL_* variables say.
fn tracer(args: &Args) -> anyhow::Result<Tracer> {
    match &args.observing.otlp_endpoint {
        Some(url) => Tracer::to(url, Sampler::from_env()?, SERVICE).context("--otlp-endpoint"),
        None => Tracer::from_env(SERVICE),
    }
}

fn bind(flag: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    listen(address).with_context(|| format!("--{flag}: cannot bind {address}"))
}

#[cfg(any(feature = "embedded", feature = "lambda-model"))]
fn read_json<T: serde::de::DeserializeOwned>(file: &std::path::Path) -> anyhow::Result<T> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    serde_json::from_str(&text).with_context(|| file.display().to_string())
}
