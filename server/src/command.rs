//! The command `gavel-server`: flags and environment -> settings -> run -> exit code.

use std::io::Write as _;
use std::process::ExitCode;

use crate::app::{self, Ready};
use crate::config::command_line::{take_negative_numbers, unknown_variables};
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
    /// Print the settings as they stand, secrets masked, and end.
    #[arg(long)]
    print_config: bool,
    /// Check the settings and the files that they name, and end.
    #[arg(long)]
    check_config: bool,
    #[command(flatten)]
    args: Args,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the schema as SDL.
    Schema,
    /// Print a shell's completions.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    let command = take_negative_numbers(Cli::command());
    let parsed = command.clone().try_get_matches();
    let parsed = parsed.and_then(|given| Ok((Cli::from_arg_matches(&given)?, given)));
    let (cli, given) = match parsed {
        Ok(parsed) => parsed,
        // An invalid setting is exit code 1, wherever it is noticed; clap's own is 2.
        Err(error) => {
            let code = if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
            // The terminal may have gone; the exit code tells.
            error.print().ok();
            return code;
        }
    };
    let result = match cli.command {
        Some(Command::Schema) => {
            std::io::stdout().write_all(graphql::execute::sdl().as_bytes()).map_err(Into::into)
        }
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

/// Variables that look like settings and are none.
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
    // Another program's variable is no reason not to start.
    unknown.iter().for_each(|sentence| warn!("{sentence}"));
    let shutdown = CancellationToken::new();
    app::on_signal(shutdown.clone())?;
    app::run(args, shutdown, say).await
}

/// What a person who has just started it wants to know.
fn say(ready: &Ready) {
    let url = format!("http://{}/graphql", ready.address);
    let hint = if ready.has_playground { " (open it in a browser for the playground)" } else { "" };
    println!("gavel-server listens on {url}{hint}");
    println!("subscriptions on ws://{}/graphql/ws", ready.address);
    println!("health on http://{0}/readyz, metrics on http://{0}/metrics", ready.admin_address);
    if let Some(endpoint) = &ready.embedded_endpoint {
        println!("embedded DynamoDB on {endpoint}");
    }
    if let Some(demo) = &ready.demo {
        println!("\n{}", demo.examples(&url));
    }
}
