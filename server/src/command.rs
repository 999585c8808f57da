//! The command `gavel-server`: flags and environment -> settings -> run -> exit code.

use std::io::Write as _;
use std::process::ExitCode;

use crate::app::{self, Ready};
use crate::auth::{Role, api_keys};
use crate::config::command_line::{take_negative_numbers, unknown_variables};
use crate::config::tokens::parse_role;
use crate::config::{Args, print};
use crate::version::VERSION;
use crate::{graphql, telemetry};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Realtime auction bidding on DynamoDB Streams.
#[derive(Debug, Parser)]
#[command(version = VERSION, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Print the settings in effect, with secrets masked, and exit.
    #[arg(long)]
    print_config: bool,
    /// Check the settings and the files that they name, and exit.
    #[arg(long)]
    check_config: bool,
    #[command(flatten)]
    args: Args,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the GraphQL schema as SDL.
    Schema,
    /// Make an API key: print it, and its entry for the file of --api-keys.
    ApiKey {
        /// Its name, for people.
        #[arg(long)]
        name: String,
        /// The role that it grants: observer for a page that only watches.
        #[arg(long, default_value = "observer", value_parser = parse_role)]
        role: Role,
        /// When it ends, such as 2027-01-31T00:00:00Z.
        #[arg(long)]
        expires: Option<String>,
    },
    /// Print completions for a shell.
    Completions {
        /// The shell to print them for.
        shell: clap_complete::Shell,
    },
}

/// Runs what the command line asks for.
pub fn main() -> ExitCode {
    let command = take_negative_numbers(Cli::command());
    let parsed = command.clone().try_get_matches();
    let parsed = parsed.and_then(|given| Ok((Cli::from_arg_matches(&given)?, given)));
    let (cli, given) = match parsed {
        Ok(parsed) => parsed,
        // An invalid setting exits with 1, wherever it is found; clap would exit with 2.
        Err(error) => {
            let code = if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
            // The terminal may be gone; the exit code still reports the error.
            error.print().ok();
            return code;
        }
    };
    let result = match cli.command {
        Some(Command::Schema) => {
            std::io::stdout().write_all(graphql::execute::sdl().as_bytes()).map_err(Into::into)
        }
        Some(Command::ApiKey { name, role, expires }) => api_key(&name, role, expires),
        Some(Command::Completions { shell }) => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut command.clone(), "gavel-server", &mut text);
            std::io::stdout().write_all(&text).map_err(Into::into)
        }
        None if cli.print_config || cli.check_config => {
            let printed =
                if cli.print_config { print::settings(&command, &given) } else { String::new() };
            let printed = std::io::stdout().write_all(printed.as_bytes()).map_err(Into::into);
            let unknown = unknown(&command);
            if cli.check_config {
                printed.and_then(|()| check(&cli.args, &unknown))
            } else {
                printed
            }
        }
        None => serve(cli.args, &unknown(&command)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gavel-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Prints a new API key, which is kept nowhere else, and its entry.
fn api_key(name: &str, role: Role, expires: Option<String>) -> anyhow::Result<()> {
    let (key, entry) = api_keys::generate(name, role, expires)?;
    let entry = serde_json::to_string(&entry)?;
    let text = format!("key (shown only here): {key}\nentry for \"keys\" in the file: {entry}\n");
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

/// Reports the variables that look like settings but are not.
fn unknown(command: &clap::Command) -> Vec<String> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    unknown_variables(command, names)
}

#[tokio::main(flavor = "current_thread")]
async fn check(args: &Args, unknown: &[String]) -> anyhow::Result<()> {
    anyhow::ensure!(unknown.is_empty(), "{}", unknown.join("; "));
    app::check(args).await?;
    println!("configuration is valid");
    Ok(())
}

#[tokio::main]
async fn serve(args: Args, unknown: &[String]) -> anyhow::Result<()> {
    telemetry::start(args.observing.log);
    // A variable of another program must not prevent the start.
    unknown.iter().for_each(|sentence| warn!("{sentence}"));
    let shutdown = CancellationToken::new();
    app::on_signal(shutdown.clone())?;
    app::run(args, shutdown, say).await
}

/// Prints what a user needs to get started.
fn say(ready: &Ready) {
    let scheme = |address| if ready.is_encrypted && address == ready.address { "s" } else { "" };
    let (s, admin_s) = (scheme(ready.address), scheme(ready.admin_address));
    let url = format!("http{s}://{}/graphql", ready.address);
    let hint = if ready.has_playground { " (open it in a browser for the playground)" } else { "" };
    println!("gavel-server listens on {url}{hint}");
    if ready.has_page {
        println!("the page for bidders is on http{s}://{}/", ready.address);
    }
    println!("subscriptions on ws{s}://{}/graphql/ws", ready.address);
    let admin = format!("http{admin_s}://{}", ready.admin_address);
    println!("health on {admin}/readyz, metrics on {admin}/metrics");
    if let Some(endpoint) = &ready.embedded_endpoint {
        println!("embedded DynamoDB on {endpoint}");
    }
    if let Some(demo) = &ready.demo {
        println!("\n{}", demo.examples(&url));
    }
}
