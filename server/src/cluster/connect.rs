//! Connects to NATS: two connections, so that digests do not wait behind events.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use gavel_core::cluster::{Bus, NodeId, Notice, Notices};
use gavel_core::tasks::Tasks;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::nats::Nats;
use crate::config::cluster::{AtStart, ClusterArgs};
use crate::limits;

/// A node that is connected, or tries to.
pub struct Connected {
    /// This node.
    pub node: NodeId,
    /// What it sends by.
    pub bus: Arc<dyn Bus>,
    /// What comes.
    pub notices: Notices,
}

/// Connects a node to its cluster, if it is to be in one.
///
/// # Errors
/// When no server can be reached, unless that is to be tried again; or when a file cannot be read.
pub async fn connect(
    args: &ClusterArgs,
    table: &str,
    tasks: &Tasks,
    shutdown: &CancellationToken,
) -> anyhow::Result<Option<Connected>> {
    if args.cluster.is_empty() {
        return Ok(None);
    }
    let addresses = args.cluster.iter().map(|url| url.parse()).collect::<Result<Vec<_>, _>>()?;
    let node = args.node_id.as_deref().map_or_else(NodeId::random, NodeId::from);
    let (sender, notices) = mpsc::channel(limits::BUS_QUEUE_MAX);
    let events = open(args, &node, &addresses, Some(sender.clone())).await?;
    let digests = open(args, &node, &addresses, None).await?;
    let prefix = format!("gavel.{}", args.name(table).replace('.', "_"));
    let bus = Nats::start([events, digests], &node, prefix, sender, tasks, shutdown);
    Ok(Some(Connected { node, bus: Arc::new(bus), notices }))
}

async fn open(
    args: &ClusterArgs,
    node: &NodeId,
    addresses: &[ServerAddr],
    notices: Option<mpsc::Sender<Notice>>,
) -> anyhow::Result<Client> {
    let mut options = ConnectOptions::new()
        .name(format!("gavel-server {node}"))
        // A connection that is half open is noticed after two of these.
        .ping_interval(limits::BUS_PING_EVERY)
        .connection_timeout(limits::BUS_CONNECT_TIMEOUT)
        .reconnect_delay_callback(|_| limits::BUS_RECONNECT_PAUSE)
        .subscription_capacity(limits::BUS_SUBSCRIPTION_QUEUE_MAX)
        .no_echo()
        .request_timeout(Some(limits::FORWARD_TIMEOUT))
        .event_callback(move |event| {
            let notices = notices.clone();
            async move { report(&event, notices.as_ref()) }
        });
    if let Some(seed) = seed(args).await? {
        options = options.nkey(seed);
    }
    if let Some(file) = &args.cluster_ca {
        options = options.add_root_certificates(file.clone()).require_tls(true);
    }
    let retries = args.cluster_at_start == AtStart::Retry;
    if retries {
        options = options.retry_on_initial_connect();
    }
    let connecting = options.connect(addresses.to_vec());
    match timeout(limits::BUS_START_TIMEOUT, connecting).await {
        Ok(Ok(client)) => Ok(client),
        Ok(Err(error)) => bail!("--cluster: cannot connect to {}: {error}", args.cluster.join(",")),
        Err(_) => bail!("--cluster: {} does not answer", args.cluster.join(",")),
    }
}

/// The seed of this node's nkey.
async fn seed(args: &ClusterArgs) -> anyhow::Result<Option<String>> {
    let (flag, seed) = match (&args.cluster_nkey, &args.cluster_nkey_seed) {
        (Some(file), _) => {
            let flag = format!("--cluster-nkey {}", file.display());
            let seed = tokio::fs::read_to_string(file).await.with_context(|| flag.clone())?;
            (flag, seed)
        }
        (None, Some(seed)) => ("--cluster-nkey-seed".to_owned(), seed.clone()),
        (None, None) => return Ok(None),
    };
    let seed = seed.trim();
    // The error quotes nothing of it.
    nkeys::KeyPair::from_seed(seed).with_context(|| format!("{flag}: no seed of an nkey"))?;
    Ok(Some(seed.to_owned()))
}

fn report(event: &Event, notices: Option<&mpsc::Sender<Notice>>) {
    let notice = match event {
        Event::Connected => Notice::Connected,
        Event::Disconnected | Event::Closed => Notice::Disconnected,
        Event::SlowConsumer(_) => Notice::Overflowed,
        Event::ServerError(_) | Event::ClientError(_) => {
            warn!(problem = %event, "the bus reports a problem");
            return;
        }
        Event::LameDuckMode | Event::Draining => return,
    };
    let Some(notices) = notices else { return };
    // Where there is no room for it, the queue is full of messages, and some of them were dropped:
    // that is noticed by their digests.
    if notices.try_send(notice).is_err() {
        warn!("the bus is read too slowly");
    }
}
