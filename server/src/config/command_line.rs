//! The command line around the settings: headings of `--help`, negative numbers, and variables that
//! nothing reads.

use clap::Command;

/// The headings of `--help`.
pub mod heading {
    /// Where the service is reached.
    pub const LISTENING: &str = "Listening";
    /// Which table.
    pub const STORE: &str = "Store";
    /// The store that comes with it.
    pub const EMBEDDED: &str = "Embedded DynamoDB (--dynamodb embedded)";
    /// How bids are written and reach watchers.
    pub const DELIVERY: &str = "Bids and their delivery";
    /// Other servers of the table.
    pub const CLUSTER: &str = "Several servers over one table";
    /// Who callers are.
    pub const TOKENS: &str = "Tokens";
    /// What browsers and strangers may do.
    pub const ACCESS: &str = "Access";
    /// What one client may do.
    pub const CLIENTS: &str = "Limits of a client (0: no limit)";
    /// What one request or socket may do.
    pub const CONNECTION: &str = "Limits of a request or socket";
    /// What one document may ask for.
    pub const QUERIES: &str = "Limits of a document";
    /// What all together may do.
    pub const SERVICE: &str = "Limits of the service";
    /// What is seen of the service.
    pub const OBSERVING: &str = "Logs and traces";
}

/// Variables of this name that others read.
const OF_OTHERS: [&str; 1] = ["GAVEL_TOKEN"];
/// What Kubernetes and Docker's links set for a service that is called gavel, what tests use, and
/// what Cargo passes on of a build.
const PREFIXES_OF_OTHERS: [&str; 4] =
    ["GAVEL_SERVICE_", "GAVEL_PORT", "GAVEL_TEST_", "GAVEL_BUILD_"];
/// How much a name must be like another to be taken for a slip of the keyboard.
const SIMILAR: f64 = 0.9;

/// A negative number as a value is checked as one, instead of being taken for an unknown flag.
pub fn take_negative_numbers(command: Command) -> Command {
    command
        .mut_args(|arg| {
            let takes_value = arg.get_action().takes_values();
            if takes_value { arg.allow_negative_numbers(true) } else { arg }
        })
        .mut_subcommands(take_negative_numbers)
}

/// The variables `GAVEL_...` among these names that are no setting of the command, each in a
/// sentence.
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
        assert_eq!(of("GAVEL_COLOUR"), ["GAVEL_COLOUR is not a setting"]);
        for fine in ["GAVEL_RELAY", "GAVEL_TOKEN", "GAVEL_SERVICE_HOST", "GAVEL_PORT", "HOME"] {
            assert!(of(fine).is_empty(), "{fine}");
        }
    }
}
