//! Settings of several servers over one table: nodes, and the bus between them.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use gavel_core::cluster::NodeId;

use super::command_line::heading;
use super::{ConfigError, error, in_range};
use crate::limits;

/// What a node does whose bus cannot be reached at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AtStart {
    /// It does not start.
    Require,
    /// It serves alone, and connects when it can.
    Retry,
}

/// The cluster.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = heading::CLUSTER)]
pub struct ClusterArgs {
    /// NATS servers that connect the servers of one table: nats://HOST:4222, several with commas
    /// between. Without it this server knows of no other.
    #[arg(long, env = "GAVEL_CLUSTER", value_delimiter = ',', value_name = "URL")]
    pub cluster: Vec<String>,

    /// The name of the cluster on the bus: letters, digits, - and _. Default: the name of the table.
    #[arg(long, env = "GAVEL_CLUSTER_NAME")]
    pub cluster_name: Option<String>,

    /// The name of this node, unique in its cluster: letters, digits, - and _. Default: random.
    #[arg(long, env = "GAVEL_NODE_ID")]
    pub node_id: Option<String>,

    /// A file with the seed of the nkey that this node signs in with.
    #[arg(long, env = "GAVEL_CLUSTER_NKEY", value_name = "FILE")]
    pub cluster_nkey: Option<PathBuf>,

    /// The seed itself, where secrets are environment variables; not with --cluster-nkey.
    #[arg(long, env = "GAVEL_CLUSTER_NKEY_SEED", hide_env_values = true, value_name = "SEED")]
    pub cluster_nkey_seed: Option<String>,

    /// A file with the certificates (PEM) of who signs those of the NATS servers; TLS is then
    /// required.
    #[arg(long, env = "GAVEL_CLUSTER_CA", value_name = "FILE")]
    pub cluster_ca: Option<PathBuf>,

    /// Whether a bus that cannot be reached at start ends the server, or is tried again while it
    /// serves alone.
    #[arg(long, env = "GAVEL_CLUSTER_AT_START", value_enum, default_value_t = AtStart::Require)]
    pub cluster_at_start: AtStart,

    /// Nodes of a cluster that read the stream: 1 where something else, a Lambda trigger for
    /// instance, reads it too, for AWS allows two readers per shard.
    #[arg(long, env = "GAVEL_STREAM_READERS", default_value_t = limits::STREAM_READERS_MAX)]
    pub stream_readers: usize,
}

impl ClusterArgs {
    /// The name of the cluster.
    pub fn name<'a>(&'a self, table: &'a str) -> &'a str {
        self.cluster_name.as_deref().unwrap_or(table)
    }

    pub(super) fn check(&self, table: &str) -> Result<(), ConfigError> {
        in_range(&[("stream-readers", self.stream_readers, 1, limits::STREAM_READERS_MAX)])?;
        if self.cluster.is_empty() {
            let needs_it = [
                ("cluster-name", self.cluster_name.is_some()),
                ("node-id", self.node_id.is_some()),
                ("cluster-nkey", self.cluster_nkey.is_some()),
                ("cluster-nkey-seed", self.cluster_nkey_seed.is_some()),
                ("cluster-ca", self.cluster_ca.is_some()),
            ];
            return match needs_it.iter().find(|(_, is_set)| *is_set) {
                Some((flag, _)) => error(flag, "is of no use without --cluster"),
                None => Ok(()),
            };
        }
        let problem = "must be 1 to 64 letters, digits, - and _";
        if self.node_id.as_ref().is_some_and(|id| !NodeId::is_well_formed(id)) {
            return error("node-id", problem);
        }
        // Names of tables may have dots, which part the words of a subject.
        if !NodeId::is_well_formed(&self.name(table).replace('.', "_")) {
            return error("cluster-name", problem);
        }
        if self.cluster_nkey.is_some() && self.cluster_nkey_seed.is_some() {
            return error("cluster-nkey-seed", "cannot be set together with --cluster-nkey");
        }
        for url in &self.cluster {
            if url.parse::<async_nats::ServerAddr>().is_err() {
                let problem = format!("{url} is no URL such as nats://127.0.0.1:4222");
                return error("cluster", &problem);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        cluster: ClusterArgs,
    }

    /// The flag that is wrong, if one is.
    fn wrong(flags: &[&str], table: &str) -> Option<&'static str> {
        let flags = Flags::parse_from([&["test"], flags].concat());
        flags.cluster.check(table).err().map(|error| error.flag)
    }

    #[test]
    fn a_wrong_setting_is_named() {
        let bus = "--cluster=nats://127.0.0.1:4222,nats://127.0.0.2:4222";
        assert_eq!(wrong(&[], "t"), None);
        assert_eq!(wrong(&[bus, "--node-id=node-1", "--cluster-name=a_b"], "t"), None);
        assert_eq!(wrong(&[bus], "a.table.with.dots"), None);
        for (flags, flag) in [
            (&["--node-id=a"][..], "node-id"),
            (&["--cluster-nkey=f"], "cluster-nkey"),
            (&[bus, "--cluster-nkey=f", "--cluster-nkey-seed=s"], "cluster-nkey-seed"),
            (&[bus, "--node-id=a.b"], "node-id"),
            (&[bus, "--cluster-name=*"], "cluster-name"),
            (&[bus, "--stream-readers=3"], "stream-readers"),
            (&["--cluster=http://127.0.0.1 :4222"], "cluster"),
        ] {
            assert_eq!(wrong(flags, "t"), Some(flag), "{flags:?}");
        }
    }
}
