//! Prints the settings in effect, with secrets masked.

use std::fmt::Write as _;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

/// Printed in place of a secret.
pub const MASK: &str = "(hidden)";

/// One line for each setting that has a variable: its flag, its value, and the source of the value.
pub fn settings(command: &Command, given: &ArgMatches) -> String {
    let mut text = String::new();
    for arg in command.get_arguments().filter(|arg| arg.get_env().is_some()) {
        let flag = arg.get_long().unwrap_or_else(|| arg.get_id().as_str());
        let source = match given.value_source(arg.get_id().as_str()) {
            Some(ValueSource::CommandLine) => "flag",
            Some(ValueSource::EnvVariable) => "environment",
            Some(_) => "default",
            None => "not set",
        };
        let value = value(arg, given).unwrap_or_else(|| "-".to_owned());
        writeln!(text, "--{flag:<30} {value:<32} {source}").expect("a String takes all");
    }
    text
}

fn value(arg: &Arg, given: &ArgMatches) -> Option<String> {
    let raw = given.get_raw(arg.get_id().as_str())?;
    let values: Vec<String> =
        raw.map(|value| without_credentials(&value.to_string_lossy())).collect();
    // What help hides is masked here too; an empty variable is not a secret.
    let is_secret = arg.is_hide_env_values_set() && values.iter().any(|value| !value.is_empty());
    Some(if is_secret { MASK.to_owned() } else { values.join(",") })
}

/// A URL with possible credentials masked: the user info and the query.
fn without_credentials(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = match authority.rsplit_once('@') {
        Some((_, host)) => format!("{MASK}@{host}"),
        None => authority.to_owned(),
    };
    let path = match path.split_once(['?', '#']) {
        Some((path, _)) => format!("{path}?{MASK}"),
        None => path.to_owned(),
    };
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, Command};

    use super::*;
    use crate::config::Args;

    fn printed(flags: &[&str]) -> String {
        let command = Args::augment_args(Command::new("test"));
        let given = command.clone().get_matches_from([&["test"], flags].concat());
        settings(&command, &given)
    }

    #[test]
    fn a_setting_is_told_with_its_value_and_where_it_is_from() {
        let text = printed(&["--relay", "hybrid", "--allow-origin", "https://a.example"]);
        let line = |flag: &str| {
            let line = text.lines().find(|line| line.starts_with(&format!("{flag} ")));
            line.unwrap().split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(line("--relay"), ["--relay", "hybrid", "flag"]);
        assert_eq!(line("--table"), ["--table", "gavel", "default"]);
        assert_eq!(line("--admin-listen"), ["--admin-listen", "-", "not", "set"]);
    }

    #[test]
    fn no_secret_and_no_credential_is_told() {
        let text = printed(&[
            "--jwt-secret",
            "a secret that nobody may see, ever",
            "--dynamodb",
            "http://user:hunter2@127.0.0.1:8000",
            "--jwks",
            "https://issuer.example/keys?token=hunter2",
        ]);
        assert!(!text.contains("nobody may see") && !text.contains("hunter2"), "{text}");
        assert!(text.contains("127.0.0.1:8000") && text.contains("issuer.example/keys"), "{text}");
        assert_eq!(text.matches(MASK).count(), 3, "{text}");
    }

    /// A new secret must be declared with `hide_env_values`.
    #[test]
    fn every_setting_that_is_called_a_secret_is_one() {
        let command = Args::augment_args(Command::new("test"));
        for arg in command.get_arguments() {
            let name = arg.get_id().as_str();
            // The name of a file, which is no secret.
            let is_called = name != "api_keys"
                && ["secret", "password", "api_key"].iter().any(|part| name.contains(part));
            assert!(!is_called || arg.is_hide_env_values_set(), "{name}");
        }
    }
}
