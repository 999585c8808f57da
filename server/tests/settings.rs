//! What the binary says of its settings without starting.

use std::process::{Command, Output};

const SECRET: &str = "a secret that is long enough and that nobody may see";

fn run(flags: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gavel-server"));
    let ours = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GAVEL_"));
    for (name, _) in ours {
        command.env_remove(name);
    }
    command.args(flags).env("GAVEL_JWT_SECRET", SECRET).output().expect("it starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_version_is_told() {
    let ran = run(&["--version"]);
    assert_eq!(text(&ran.stdout), format!("gavel-server {}\n", gavel_server::version::VERSION));
    assert_eq!(ran.status.code(), Some(0));
}

#[test]
fn a_variable_that_is_no_setting_is_named_by_the_check_and_does_not_hinder_a_start() {
    let with = |name: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gavel-server"));
        command.arg("--check-config").env("GAVEL_JWT_SECRET", SECRET).env(name, "hybrid");
        command.output().expect("it starts")
    };
    let ran = with("GAVEL_RELAYS");
    let told = text(&ran.stderr);
    assert_eq!(ran.status.code(), Some(1), "{told}");
    assert!(told.contains("did you mean GAVEL_RELAY?") && told.lines().count() == 1, "{told}");
    assert_eq!(with("GAVEL_RELAY").status.code(), Some(0));
}

#[test]
fn help_is_in_groups_and_a_shell_can_complete() {
    let help = text(&run(&["--help"]).stdout);
    for heading in ["Listening:", "Store:", "Tokens:", "Limits of the service:"] {
        assert!(help.lines().any(|line| line == heading), "{heading} is missing: {help}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = text(&run(&["completions", shell]).stdout);
        assert!(script.contains("gavel-server") && script.contains("group-commit-max"), "{shell}");
    }
}

#[test]
fn the_settings_are_printed_with_secrets_masked_whether_they_are_good_or_not() {
    let ran = run(&["--print-config", "--table", "lots", "--group-commit-max", "99"]);
    assert_eq!(ran.status.code(), Some(0));
    let (said, told) = (text(&ran.stdout), text(&ran.stderr));
    let line = |flag: &str| said.lines().find(|line| line.starts_with(flag)).unwrap_or_default();
    assert!(line("--table ").contains("lots") && line("--table ").ends_with("flag"), "{said}");
    assert!(line("--listen ").ends_with("default"), "{said}");
    assert!(line("--jwt-secret ").contains("(hidden)"), "{said}");
    assert!(line("--jwt-secret ").ends_with("environment"), "{said}");
    assert!(!(said.clone() + &told).contains(SECRET), "the secret is told");
    // Every flag of the help that has a variable.
    let help = text(&run(&["--help"]).stdout);
    let variables = help.matches("[env: GAVEL_").count();
    assert!(variables > 30, "{help}");
    assert_eq!(said.lines().count(), variables, "{said}");
    assert!(!help.contains(SECRET), "the secret is in the help");
}

#[test]
fn good_settings_are_called_good_without_a_port_or_a_store() {
    // Neither the address nor the store can be had.
    let ran = run(&["--check-config", "--listen", "192.0.2.1:1", "--dynamodb", "http://192.0.2.1"]);
    assert_eq!(text(&ran.stderr), "");
    assert_eq!(
        (ran.status.code(), text(&ran.stdout)),
        (Some(0), "configuration is valid\n".into())
    );
    let both = run(&["--check-config", "--print-config"]);
    assert_eq!(both.status.code(), Some(0));
    assert!(text(&both.stdout).contains("--listen ") && text(&both.stdout).ends_with("valid\n"));
}

#[test]
fn settings_that_cannot_be_and_files_that_cannot_be_read_are_told_in_one_line() {
    let directory = std::env::temp_dir().join(format!("gavel-settings-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let bad_json = file("bad.json", "{");
    let no_keys = file("keys.json", r#"{"keys": []}"#);
    let bad_lambda = file("lambda.json", r#"{"batch_size": 0}"#);
    let missing = directory.join("missing.json").display().to_string();
    for (flags, part) in [
        (vec!["--group-commit-max", "41"], "--group-commit-max"),
        (vec!["--query-depth", "0"], "--query-depth"),
        (vec!["--jwt-secret", "short"], "--jwt-secret"),
        (vec!["--jwt-secret", "", "--jwks", &no_keys], "--jwks"),
        (vec!["--jwt-secret", "", "--jwks", &missing], "--jwks"),
        (vec!["--embedded-behaviour", &bad_json], "--embedded-behaviour"),
        (vec!["--relay", "lambda", "--lambda-settings", &bad_lambda], "--lambda-settings"),
        (vec!["--relay", "lambda", "--lambda-settings", &missing], "--lambda-settings"),
        (vec!["--jwt-secret", "", "--dynamodb", "aws"], "--jwt-secret"),
    ] {
        let ran = run(&[&["--check-config"], &flags[..]].concat());
        let told = text(&ran.stderr);
        assert_eq!(ran.status.code(), Some(1), "{flags:?}: {told}");
        assert!(told.contains(part) && told.lines().count() == 1, "{flags:?}: {told}");
        assert_eq!(text(&ran.stdout), "", "{flags:?}");
        assert!(!told.contains(SECRET), "{told}");
    }
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn flags_that_cannot_be_read_are_named_and_end_with_the_same_code() {
    for flags in [
        ["--relay", "nowhere"],
        ["--table", "x"],
        ["--listen", "x"],
        ["--nothing", "x"],
        ["--sockets", "-1"],
    ] {
        let ran = run(&flags);
        let told = text(&ran.stderr);
        assert_eq!(ran.status.code(), Some(1), "{flags:?}: {told}");
        assert!(told.contains(flags[0]) && !told.contains("-- "), "{flags:?}: {told}");
    }
    assert_eq!(run(&["--help"]).status.code(), Some(0));
}

#[test]
fn an_address_to_listen_on_may_be_a_name() {
    for flag in ["--listen", "--admin-listen", "--embedded-listen"] {
        let ran = run(&["--check-config", flag, "localhost:8080"]);
        assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
        for bad in ["localhost", "8080", ""] {
            let ran = run(&["--check-config", flag, bad]);
            let told = text(&ran.stderr);
            assert_ne!(ran.status.code(), Some(0), "{bad}");
            assert!(told.contains(flag) && told.contains("localhost:8080"), "{bad}: {told}");
        }
    }
}
