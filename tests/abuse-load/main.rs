//! Attacks on a real `gavel-server`, each beside honest bidders and watchers: what the attack costs
//! them, and what it costs the server. `tests/abuse/load` builds and runs it.
//!
//! The attacker is a process of its own with a lower priority, so that the processor time it takes
//! to attack is not charged to the server.

mod args;
mod seed;
mod server;
mod honest;
mod attack;
mod measure;
mod judge;
mod output;

use std::process::ExitCode;

use anyhow::bail;
use clap::Parser as _;

use self::args::Args;
use self::judge::Row;

fn main() -> ExitCode {
    let is_attacker = std::env::args().nth(1).is_some_and(|first| first == attack::SUBCOMMAND);
    let result = if is_attacker { attack::run() } else { run(&Args::parse()) };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("abuse-load: {error:#}");
            ExitCode::from(2)
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run(args: &Args) -> anyhow::Result<bool> {
    if args.list {
        for attack in attack::ALL {
            println!("{:<28} {}", attack.name, attack.about);
        }
        return Ok(true);
    }
    let attacks = chosen(args)?;
    let store = seed::Store::at(args).await?;
    println!("{}", output::head(args));
    let mut rows: Vec<Row> = Vec::new();
    let mut reference = None;
    for attack in attacks {
        for sources in args.sources() {
            let mut row = measure::one(args, &store, attack, sources, reference).await?;
            if !row.missed.is_empty() && !args.once {
                // The machine may have been busy: a line that is missed twice is missed.
                println!("{}", output::row(&row, "  (again)"));
                row = measure::one(args, &store, attack, sources, reference).await?;
            }
            if attack.name == attack::REFERENCE {
                reference = row.cpu_us_per_kib();
            }
            println!("{}", output::row(&row, ""));
            rows.push(row);
        }
    }
    if let Some(path) = &args.json {
        std::fs::write(path, serde_json::to_string_pretty(&rows)?)?;
    }
    println!("{}", output::verdict(&rows));
    Ok(rows.iter().all(|row| row.missed.is_empty()))
}

/// The attacks of these names, or all; the reference goes first, for others are compared with it.
fn chosen(args: &Args) -> anyhow::Result<Vec<&'static attack::Attack>> {
    let names = &args.attacks;
    if let Some(unknown) = names.iter().find(|name| attack::named(name).is_none()) {
        bail!("no attack {unknown}; --list shows them");
    }
    let is_chosen = |attack: &&attack::Attack| {
        let is_named = |name: &&str| names.iter().any(|given| given == name);
        (names.is_empty() && (attack.in_ci || !args.ci))
            || is_named(&attack.name)
            || (attack.name == attack::REFERENCE && is_named(&attack::GENERATED))
    };
    Ok(attack::ALL.iter().filter(is_chosen).collect())
}
