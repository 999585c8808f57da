//! Settings for the addresses to listen on, the demo and the playground.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::command_line::heading;

/// Settings for the addresses to listen on, the demo and the playground.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = heading::LISTENING)]
pub struct ListeningArgs {
    /// Address of GraphQL over HTTP and WebSocket.
    #[arg(long, env = "GAVEL_LISTEN", value_parser = parse_address, default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Address of /healthz, /readyz and /metrics, if it is not that of --listen.
    #[arg(long, env = "GAVEL_ADMIN_LISTEN", value_parser = parse_address)]
    pub admin_listen: Option<SocketAddr>,

    /// Certificate of --listen, with those that lead to its authority, as PEM: clients then use https
    /// and wss. It is read again when it changes.
    #[arg(long, env = "GAVEL_TLS_CERT", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// The private key of --tls-cert, as PEM.
    #[arg(long, env = "GAVEL_TLS_KEY", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// Seed demo auctions, and print examples to try.
    #[arg(long, env = "GAVEL_DEMO")]
    pub demo: bool,

    /// Directory where `playground/install` has put the playground's assets; without them they come
    /// from a CDN.
    #[arg(long, env = "GAVEL_PLAYGROUND_DIR", default_value = "playground/assets")]
    pub playground_dir: PathBuf,
}

impl ListeningArgs {
    /// The files of certificate and key.
    pub fn tls(&self) -> Option<(PathBuf, PathBuf)> {
        self.tls_cert.clone().zip(self.tls_key.clone())
    }
}

/// Parses an address and a port. A name such as localhost stands for its first address, with IPv4
/// preferred.
pub(super) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let example = "use an address and a port, such as 127.0.0.1:8080 or localhost:8080";
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let addresses = text.to_socket_addrs().map_err(|error| format!("{error}; {example}"))?;
    addresses.min_by_key(SocketAddr::is_ipv6).ok_or_else(|| example.to_owned())
}
