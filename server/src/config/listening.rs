//! Settings of where the service is reached, and of what it shows to a person there.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::command_line::heading;

/// Where the service is reached.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = heading::LISTENING)]
pub struct ListeningArgs {
    /// Address of GraphQL over HTTP and WebSocket.
    #[arg(long, env = "GAVEL_LISTEN", value_parser = parse_address, default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Address of /healthz, /readyz and /metrics, if they should not be on --listen.
    #[arg(long, env = "GAVEL_ADMIN_LISTEN", value_parser = parse_address)]
    pub admin_listen: Option<SocketAddr>,

    /// Seed auctions to play with, and print examples to try.
    #[arg(long, env = "GAVEL_DEMO")]
    pub demo: bool,

    /// Where `playground/install` has put the playground's assets; without them they come from a
    /// CDN.
    #[arg(long, env = "GAVEL_PLAYGROUND_DIR", default_value = "playground/assets")]
    pub playground_dir: PathBuf,
}

/// An address and its port. A name, such as localhost, stands for the first address that it has, an
/// IPv4 one before others.
pub(super) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let example = "use an address and a port, such as 127.0.0.1:8080 or localhost:8080";
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let addresses = text.to_socket_addrs().map_err(|error| format!("{error}; {example}"))?;
    addresses.min_by_key(SocketAddr::is_ipv6).ok_or_else(|| example.to_owned())
}
