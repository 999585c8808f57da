//! Settings of who comes in, and of how much each may do. docs/LIMITS.md says what happens above.

use std::time::Duration;

use axum::http::HeaderName;
use clap::Args as ClapArgs;
use gavel_core::limits;

use super::command_line::heading;
use super::{ConfigError, Switch};
use crate::cost::rules::QueryRules;
use crate::guard::{Allowances, Origins};
use crate::http::serve::ConnectionLimits;
use crate::websocket::SocketLimits;

/// The flags of the door.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = heading::CLIENTS)]
pub struct DoorArgs {
    /// A web page that may use the service beside its own, such as https://shop.example; several by
    /// commas, `*` for all. It is let in by CORS and at the WebSocket upgrade.
    #[arg(long, help_heading = heading::ACCESS, env = "GAVEL_ALLOW_ORIGIN", value_delimiter = ',')]
    pub allow_origin: Vec<String>,

    /// The header in which the one proxy in front tells its client's address, such as
    /// x-forwarded-for. Without a proxy leave it out: anybody can send a header.
    #[arg(long, help_heading = heading::ACCESS, env = "GAVEL_TRUSTED_PROXY_HEADER")]
    pub trusted_proxy_header: Option<HeaderName>,

    /// Whether __schema and __type may be asked for.
    #[arg(long, help_heading = heading::ACCESS, env = "GAVEL_INTROSPECTION", value_enum, default_value_t = Switch::On)]
    pub introspection: Switch,

    /// Whether browsers get the playground at /graphql.
    #[arg(long, help_heading = heading::ACCESS, env = "GAVEL_PLAYGROUND", value_enum, default_value_t = Switch::On)]
    pub playground: Switch,

    /// The limits of addresses, users and auctions below. Off for load tests, where one machine
    /// plays a thousand clients.
    #[arg(long, help_heading = heading::CLIENTS, env = "GAVEL_CLIENT_LIMITS", value_enum, default_value_t = Switch::On)]
    pub client_limits: Switch,

    /// HTTP connections of an address at a time, sockets not counted; 0 for no limit.
    #[arg(long, help_heading = heading::CLIENTS, env = "GAVEL_CONNECTIONS_PER_ADDRESS",
        default_value_t = limits::CONNECTIONS_PER_ADDRESS_MAX)]
    pub connections_per_address: usize,

    /// Sockets of an address at a time; 0 for no limit.
    #[arg(long, help_heading = heading::CLIENTS, env = "GAVEL_SOCKETS_PER_ADDRESS",
        default_value_t = limits::SOCKETS_PER_ADDRESS_MAX)]
    pub sockets_per_address: usize,

    /// Sockets of a user at a time; 0 for no limit.
    #[arg(long, help_heading = heading::CLIENTS, env = "GAVEL_SOCKETS_PER_USER", default_value_t = limits::SOCKETS_PER_USER_MAX)]
    pub sockets_per_user: usize,

    /// New sockets of an address in a second; 0 for no limit.
    #[arg(long, help_heading = heading::CLIENTS, env = "GAVEL_HANDSHAKES_PER_SECOND",
        default_value_t = limits::HANDSHAKES_PER_SECOND_MAX)]
    pub handshakes_per_second: u32,

    /// Bids of a user in a second; 0 for no limit.
    #[arg(long, help_heading = heading::CLIENTS, env = "GAVEL_BIDS_PER_USER_PER_SECOND",
        default_value_t = limits::BIDS_PER_USER_PER_SECOND_MAX)]
    pub bids_per_user_per_second: u32,

    /// Bids on an auction in a second; 0 for no limit.
    #[arg(long, help_heading = heading::CLIENTS, env = "GAVEL_BIDS_PER_AUCTION_PER_SECOND",
        default_value_t = limits::BIDS_PER_AUCTION_PER_SECOND_MAX)]
    pub bids_per_auction_per_second: u32,

    /// Auctions that a user makes in a second; 0 for no limit.
    #[arg(long, env = "GAVEL_AUCTIONS_PER_USER_PER_SECOND",
        default_value_t = limits::AUCTIONS_PER_USER_PER_SECOND_MAX)]
    pub auctions_per_user_per_second: u32,

    /// HTTP connections at a time, sockets not counted; further ones wait.
    #[arg(long, help_heading = heading::SERVICE, env = "GAVEL_CONNECTIONS", default_value_t = limits::CONNECTIONS_MAX)]
    pub connections: usize,

    /// Seconds that an HTTP connection may rest between requests: more than the proxy in front keeps
    /// it.
    #[arg(long, help_heading = heading::CONNECTION, env = "GAVEL_HTTP_KEEP_ALIVE_SECONDS",
        default_value_t = limits::HTTP_KEEP_ALIVE.as_secs())]
    pub http_keep_alive_seconds: u64,

    /// Sockets at a time.
    #[arg(long, help_heading = heading::SERVICE, env = "GAVEL_SOCKETS", default_value_t = limits::SOCKETS_MAX)]
    pub sockets: usize,

    /// Auctions watched at a time.
    #[arg(long, help_heading = heading::SERVICE, env = "GAVEL_AUCTIONS_WATCHED", default_value_t = limits::TOPICS_MAX)]
    pub auctions_watched: usize,

    /// The body of a request, in bytes.
    #[arg(long, help_heading = heading::CONNECTION, env = "GAVEL_HTTP_BODY_BYTES", default_value_t = limits::HTTP_BODY_BYTES_MAX)]
    pub http_body_bytes: usize,

    /// A message on a socket, in bytes.
    #[arg(long, help_heading = heading::CONNECTION, env = "GAVEL_SOCKET_MESSAGE_BYTES",
        default_value_t = limits::SOCKET_MESSAGE_BYTES_MAX)]
    pub socket_message_bytes: usize,

    /// Subscriptions of a socket at a time.
    #[arg(long, help_heading = heading::CONNECTION, env = "GAVEL_OPERATIONS_PER_SOCKET",
        default_value_t = limits::OPERATIONS_PER_SOCKET_MAX)]
    pub operations_per_socket: usize,

    /// Queries and mutations of a socket at a time, beside its subscriptions.
    #[arg(long, help_heading = heading::CONNECTION, env = "GAVEL_SHORT_OPERATIONS_PER_SOCKET",
        default_value_t = limits::SHORT_OPERATIONS_PER_SOCKET_MAX)]
    pub short_operations_per_socket: usize,

    /// Milliseconds that a client may take to send connection_init.
    #[arg(long, help_heading = heading::CONNECTION, env = "GAVEL_INIT_TIMEOUT_MS",
        default_value_t = limits::INIT_TIMEOUT.as_millis() as u64)]
    pub init_timeout_ms: u64,

    /// Seconds after which a socket without an operation is closed.
    #[arg(long, help_heading = heading::CONNECTION, env = "GAVEL_SOCKET_IDLE_SECONDS",
        default_value_t = limits::SOCKET_IDLE.as_secs())]
    pub socket_idle_seconds: u64,

    /// Nesting of a query; GraphiQL's introspection needs 15.
    #[arg(long, help_heading = heading::QUERIES, env = "GAVEL_QUERY_DEPTH", default_value_t = limits::QUERY_DEPTH_MAX)]
    pub query_depth: usize,

    /// Fields of a query, each counted as often as its page asks for.
    #[arg(long, help_heading = heading::QUERIES, env = "GAVEL_QUERY_COMPLEXITY", default_value_t = limits::QUERY_COMPLEXITY_MAX)]
    pub query_complexity: usize,

    /// Selections of a document, its fragments written out.
    #[arg(long, help_heading = heading::QUERIES, env = "GAVEL_QUERY_SELECTIONS", default_value_t = limits::QUERY_SELECTIONS_MAX)]
    pub query_selections: usize,

    /// Aliases of a document, its fragments written out.
    #[arg(long, help_heading = heading::QUERIES, env = "GAVEL_QUERY_ALIASES", default_value_t = limits::QUERY_ALIASES_MAX)]
    pub query_aliases: usize,

    /// Directives on one field.
    #[arg(long, help_heading = heading::QUERIES, env = "GAVEL_QUERY_DIRECTIVES", default_value_t = limits::QUERY_DIRECTIVES_MAX)]
    pub query_directives: usize,
}

impl DoorArgs {
    /// What each client may do.
    pub fn allowances(&self) -> Result<Allowances, ConfigError> {
        let origins = Origins::of(&self.allow_origin)
            .map_err(|problem| ConfigError { flag: "allow-origin", problem })?;
        let open = Allowances {
            trusted_header: self.trusted_proxy_header.clone(),
            origins,
            ..Allowances::default()
        };
        if self.client_limits == Switch::Off {
            return Ok(open);
        }
        Ok(Allowances {
            connections_per_address: self.connections_per_address,
            sockets_per_address: self.sockets_per_address,
            sockets_per_user: self.sockets_per_user,
            handshakes_per_second: self.handshakes_per_second,
            bids_per_user_per_second: self.bids_per_user_per_second,
            bids_per_auction_per_second: self.bids_per_auction_per_second,
            auctions_per_user_per_second: self.auctions_per_user_per_second,
            ..open
        })
    }

    /// The bounds of HTTP connections.
    pub fn connection_limits(&self) -> ConnectionLimits {
        ConnectionLimits {
            connections_max: self.connections,
            keep_alive: Duration::from_secs(self.http_keep_alive_seconds),
        }
    }

    /// The bounds of a socket.
    pub fn socket_limits(&self) -> SocketLimits {
        SocketLimits {
            message_bytes_max: self.socket_message_bytes,
            operations_max: self.operations_per_socket,
            short_operations_max: self.short_operations_per_socket,
            init_timeout: Duration::from_millis(self.init_timeout_ms),
            idle: Duration::from_secs(self.socket_idle_seconds),
        }
    }

    /// What may be asked.
    pub fn query_rules(&self) -> QueryRules {
        QueryRules {
            depth_max: self.query_depth,
            complexity_max: self.query_complexity,
            selections_max: self.query_selections,
            aliases_max: self.query_aliases,
            directives_max: self.query_directives,
            introspection: self.introspection == Switch::On,
            ..QueryRules::default()
        }
    }

    /// Whether every setting can stand.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.allowances()?;
        for (flag, value, least, most) in [
            ("connections", self.connections, 1, 1_000_000),
            ("http-keep-alive-seconds", self.http_keep_alive_seconds as usize, 1, 4_000),
            ("sockets", self.sockets, 1, 1_000_000),
            ("auctions-watched", self.auctions_watched, 1, 1_000_000),
            ("http-body-bytes", self.http_body_bytes, 1024, 16 << 20),
            ("socket-message-bytes", self.socket_message_bytes, 1024, 16 << 20),
            ("operations-per-socket", self.operations_per_socket, 1, 10_000),
            ("short-operations-per-socket", self.short_operations_per_socket, 1, 10_000),
            ("query-depth", self.query_depth, 1, limits::QUERY_RECURSION_MAX),
            ("query-complexity", self.query_complexity, 1, 1_000_000),
            ("query-selections", self.query_selections, 1, 100_000),
            ("query-aliases", self.query_aliases, 0, 100_000),
            ("query-directives", self.query_directives, 0, 1_000),
            ("init-timeout-ms", self.init_timeout_ms as usize, 1, 60_000),
            ("socket-idle-seconds", self.socket_idle_seconds as usize, 1, 7 * 24 * 3600),
        ] {
            if !(least..=most).contains(&value) {
                let problem = format!("must be from {least} to {most}");
                return Err(ConfigError { flag, problem });
            }
        }
        Ok(())
    }
}
