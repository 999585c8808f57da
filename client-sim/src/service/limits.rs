//! The default limits of a client (docs/LIMITS.md): how much to ask of an existing service, and
//! what to do when a limit was reached.

/// Sockets of one user. A service allows 20, and still counts those that were just left.
pub const SOCKETS_PER_USER: usize = 16;
/// New sockets a second. A service allows 100 per address.
pub const HANDSHAKES_PER_SECOND: u32 = 80;
/// Bids a second per user, on average. A service allows 20.
pub const BIDS_PER_USER_PER_SECOND: f64 = 10.0;
/// Concurrent bids, each on a connection of its own. A service allows 256 connections per address.
pub const BIDS_IN_FLIGHT: usize = 180;
/// Concurrent other requests.
pub const REQUESTS_IN_FLIGHT: usize = 20;
/// Concurrent bids, and other requests, to a service without limits.
pub const UNLIMITED: usize = 10_000;

/// The flag that raises a limit of the service, by the limit's name in `extensions.limit` or by the
/// reason of a close.
pub fn flag_of(limit: &str) -> Option<&'static str> {
    Some(match limit {
        "connections_per_address" => "--connections-per-address",
        "sockets_per_address" => "--sockets-per-address",
        "sockets_per_user" | "Too many sockets of this user" => "--sockets-per-user",
        "handshakes_per_address" => "--handshakes-per-second",
        "bids_per_user" => "--bids-per-user-per-second",
        "bids_per_auction" => "--bids-per-auction-per-second",
        "work_per_user" => "--work-per-user",
        "work_per_address" => "--work-per-address",
        "operation_rate_per_socket" => "--operations-per-second",
        "replays_per_client" => "--replays-per-second",
        _ => return None,
    })
}

/// What to do about a limit, in a sentence.
pub fn advice(limit: &str) -> String {
    let raise = match flag_of(limit) {
        Some(flag) => format!("raise the service's {flag}"),
        None => "see docs/LIMITS.md".to_owned(),
    };
    format!(
        "a limit of the service was reached ({limit}): {raise}, use fewer --watchers or a lower \
         --rate, or start the service with --client-limits off for the test"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_named_with_the_flag_that_raises_it() {
        let text = advice("sockets_per_user");
        assert!(text.contains("sockets_per_user") && text.contains("--sockets-per-user"), "{text}");
        assert!(advice("something new").contains("docs/LIMITS.md"));
    }
}
