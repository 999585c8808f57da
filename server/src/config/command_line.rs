//! The command line around the settings: headings of `--help`, negative numbers, and unknown
//! `GAVEL_` variables.

use clap::Command;

/// The headings of `--help`.
pub mod heading {
    /// The addresses to listen on.
    pub const LISTENING: &str = "Listening";
    /// The table and its DynamoDB.
    pub const STORE: &str = "Store";
    /// The embedded store.
    pub const EMBEDDED: &str = "Embedded DynamoDB (--dynamodb embedded)";
    /// Writing and delivering bids.
    pub const DELIVERY: &str = "Bids and their delivery";
    /// Other servers of the table.
    pub const CLUSTER: &str = "Several servers over one table";
    /// Authentication.
    pub const TOKENS: &str = "Tokens";
    /// Access from browsers and through a proxy.
    pub const ACCESS: &str = "Access";
    /// Limits of one client.
    pub const CLIENTS: &str = "Limits per client (0: no limit)";
    /// Limits of one request or socket.
    pub const CONNECTION: &str = "Limits per request or socket";
    /// Limits of one document.
    pub const QUERIES: &str = "Limits per document";
    /// Limits of all clients together.
    pub const SERVICE: &str = "Limits of the service";
    /// Logs and traces.
    pub const OBSERVING: &str = "Logs and traces";
}

/// Variables that other programs read.
const OF_OTHERS: [&str; 1] = ["GAVEL_TOKEN"];
/// Prefixes of variables that Kubernetes and Docker links set for a service named gavel, that tests
/// use, and that Cargo passes on from a build.
const PREFIXES_OF_OTHERS: [&str; 4] =
    ["GAVEL_SERVICE_", "GAVEL_PORT", "GAVEL_TEST_", "GAVEL_BUILD_"];
/// The least similarity at which an unknown name is taken for a typing error.
const SIMILAR: f64 = 0.9;

/// Makes clap check a negative number as a value instead of taking it for an unknown flag.
pub fn take_negative_numbers(command: Command) -> Command {
    command
        .mut_args(|arg| {
            let takes_value = arg.get_action().takes_values();
            if takes_value { arg.allow_negative_numbers(true) } else { arg }
        })
        .mut_subcommands(take_negative_numbers)
}

/// One message for each of these names that starts with `GAVEL_` and is not a setting of the
/// command.
pub fn unknown_variables(
    command: &Command,
    names: impl IntoIterator<Item = String>,
) -> Vec<String> {
    let known: Vec<&str> =
        command.get_arguments().filter_map(|arg| arg.get_env()?.to_str()).collect();
    let is_unknown = |name: &String| {
        let name = name.as_str();
        let is_of_others = OF_OTHERS.contains(&name)
            || PREFIXES_OF_OTHERS.iter().any(|prefix| name.starts_with(prefix));
        name.starts_with("GAVEL_") && !known.contains(&name) && !is_of_others
    };
    let mut unknown: Vec<String> = names.into_iter().filter(is_unknown).collect();
    unknown.sort_unstable();
    let sentence = |name: String| {
        let like = |other: &&str| strsim::jaro_winkler(&name, other);
        let nearest = known.iter().copied().max_by(|a, b| like(a).total_cmp(&like(b)));
        match nearest.filter(|other| like(other) >= SIMILAR) {
            Some(other) => format!("{name} is not a setting; did you mean {other}?"),
            None => format!("{name} is not a setting"),
        }
    };
    unknown.into_iter().map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use clap::Args as _;

    use super::*;
    use crate::config::Args;

    fn command() -> Command {
        Args::augment_args(Command::new("test"))
    }

    #[test]
    fn every_flag_stands_under_a_heading() {
        for arg in command().get_arguments() {
            assert!(arg.get_help_heading().is_some(), "--{}", arg.get_id());
        }
    }

    #[test]
    fn a_negative_number_is_judged_as_a_value() {
        let parsed = |command: Command| command.try_get_matches_from(["test", "--sockets", "-1"]);
        let error = parsed(take_negative_numbers(command())).unwrap_err().to_string();
        assert!(error.contains("invalid value '-1' for '--sockets"), "{error}");
    }

    #[test]
    fn a_misspelled_variable_is_named_with_the_setting_that_was_meant() {
        let of = |name: &str| unknown_variables(&command(), [name.to_owned()]);
        assert_eq!(
            of("GAVEL_RELAYS"),
            ["GAVEL_RELAYS is not a setting; did you mean GAVEL_RELAY?"]
        );
        assert_eq!(of("GAVEL_WEATHER"), ["GAVEL_WEATHER is not a setting"]);
        for fine in ["GAVEL_RELAY", "GAVEL_TOKEN", "GAVEL_SERVICE_HOST", "GAVEL_PORT", "HOME"] {
            assert!(of(fine).is_empty(), "{fine}");
        }
    }
}
