//! `client-sim`: commands -> plan -> run -> report -> exit code.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{CommandFactory as _, FromArgMatches as _};
use client_sim::blackbox::{self, comparison};
use client_sim::cli::measure::MeasureArgs;
use client_sim::cli::{Cli, Command, CompareArgs, ProbeArgs, RunArgs};
use client_sim::cli::{bid, watch};
use client_sim::lab::saved;
use client_sim::output::pages::{comparison as pairs_page, html, run_report};
use client_sim::output::report::Verdict;
use client_sim::output::{compare, files, text};
use client_sim::probe::{self, Store};
use client_sim::service::server::take_negative_numbers;
use client_sim::service::{server, trace};
use client_sim::{lab, run};

const FAILED: u8 = 1;

#[tokio::main]
async fn main() -> ExitCode {
    // Usage errors exit with 1; clap's own code 2 is not in the contract.
    let command = take_negative_numbers(Cli::command());
    let parsed = command.clone().try_get_matches().and_then(|given| Cli::from_arg_matches(&given));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { FAILED } else { 0 };
            // The terminal may be gone; the exit code still reports the error.
            error.print().ok();
            return ExitCode::from(code);
        }
    };
    let ended = match gavel_trace::Tracer::from_env("client-sim") {
        Ok(tracer) => {
            trace::start(tracer);
            Box::pin(carry_out(cli, command)).await
        }
        Err(error) => Err(error),
    };
    if tokio::task::spawn_blocking(trace::flush).await.is_err() {
        eprintln!("client-sim: traces were not exported");
    }
    let code = match ended {
        Ok(code) => code,
        Err(error) => {
            eprintln!("client-sim: {error:#}");
            FAILED
        }
    };
    // Exits at once: a failed child still reads its standard input, on a thread that nothing ends.
    std::process::exit(i32::from(code))
}

async fn carry_out(cli: Cli, mut command: clap::Command) -> anyhow::Result<u8> {
    match cli.command.unwrap_or_else(|| Command::Run(RunArgs::default())) {
        Command::Run(args) => run_and_show(&args).await,
        Command::Fanout(args) => run_and_show(&args.into()).await,
        Command::Lab(args) if args.list => {
            print!("{}", lab::list());
            Ok(0)
        }
        Command::Lab(args) => lab::run(args.options()?).await,
        Command::Probe(args) => probe_and_show(&args).await,
        Command::Measure(args) => measure_and_show(&args).await,
        Command::Compare(args) => compare_and_show(&args),
        Command::Plain => {
            server::plain(lab::overheads::plain_routes()).await?;
            Ok(0)
        }
        Command::Watch(args) => {
            let token = args.token.as_deref();
            watch::watch(&args.url, token, &args.auction_id, args.after).await?;
            Ok(0)
        }
        Command::Bid(args) => {
            let accepted = bid::bid(&args.url, &args.token, &args.auction_id, args.amount).await?;
            Ok(if accepted { 0 } else { FAILED })
        }
        Command::Token(args) => {
            println!("{}", args.mint()?);
            Ok(0)
        }
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut command, "client-sim", &mut text);
            std::io::stdout().write_all(&text)?;
            Ok(0)
        }
        Command::Store { seed } => {
            server::store(seed).await?;
            Ok(0)
        }
        Command::Serve { flags } => {
            server::serve(&flags).await?;
            Ok(0)
        }
    }
}

async fn probe_and_show(args: &ProbeArgs) -> anyhow::Result<u8> {
    if args.clean_up {
        let Store::At(endpoint) = args.store()? else {
            anyhow::bail!("--clean-up needs --dynamodb: what is embedded leaves nothing");
        };
        let removed = probe::clean_up(&endpoint).await?;
        println!("removed {} tables", removed.len());
        removed.iter().for_each(|name| println!("{name}"));
        return Ok(0);
    }
    files::check("--json", args.json.as_deref())?;
    files::check("--behaviour-out", args.behaviour_out.as_deref())?;
    let report = Box::pin(probe::run(&args.plan()?)).await?;
    print!("{}", report.text());
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&report)?;
        std::fs::write(path, json).with_context(|| format!("--json {}", path.display()))?;
    }
    if let Some(path) = &args.behaviour_out {
        let behaviour = report.behaviour().context("--behaviour-out: too few records to fit")?;
        let json = serde_json::to_string_pretty(&behaviour)? + "\n";
        std::fs::write(path, json)
            .with_context(|| format!("--behaviour-out {}", path.display()))?;
    }
    Ok(if report.is_complete() { 0 } else { FAILED })
}

async fn measure_and_show(args: &MeasureArgs) -> anyhow::Result<u8> {
    let plan = args.plan()?;
    files::check("--json", args.json.as_deref())?;
    files::check("--html", args.html.as_deref())?;
    let report = Box::pin(blackbox::run(plan)).await?;
    print!("{}", report.text());
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&report)?;
        std::fs::write(path, json + "\n").with_context(|| format!("--json {}", path.display()))?;
    }
    if let Some(path) = &args.html {
        let page = html::write(&report.page());
        std::fs::write(path, page).with_context(|| format!("--html {}", path.display()))?;
    }
    Ok(match (report.is_valid(), report.is_exact()) {
        (false, _) => Verdict::Invalid.exit_code(),
        (true, false) => Verdict::GuaranteeBroken.exit_code(),
        (true, true) => 0,
    })
}

/// Compares reports of which one or both are of a black box. `None`: neither is.
fn compare_black_boxes(args: &CompareArgs) -> anyhow::Result<Option<u8>> {
    let sides = [comparison::read(&args.before)?, comparison::read(&args.after)?];
    let [Some(before), Some(after)] = &sides else { return Ok(None) };
    if !comparison::is_for(before, after) {
        return Ok(None);
    }
    print!("{}", text::table(&comparison::table(before, after)));
    if let Some(path) = &args.html {
        let page = html::write(&comparison::page(before, after));
        std::fs::write(path, page).with_context(|| format!("--html {}", path.display()))?;
    }
    Ok(Some(0))
}

fn compare_and_show(args: &CompareArgs) -> anyhow::Result<u8> {
    let tolerance = args.tolerance / 100.0;
    files::check("--html", args.html.as_deref())?;
    if let Some(code) = compare_black_boxes(args)? {
        return Ok(code);
    }
    let (before, after) = (saved::read(&args.before)?, saved::read(&args.after)?);
    let not_compared = compare::not_compared(&before, &after);
    let pairs = compare::pairs(before, after, tolerance)?;
    for pair in &pairs {
        println!("{}", pair.name);
        print!("{}", text::table(&pairs_page::table(pair)));
    }
    println!("{}", pairs_page::verdict(&pairs, tolerance).1);
    println!("{}", compare::noise(&pairs));
    if let Some(line) = not_compared {
        println!("{line}");
    }
    if let Some(path) = &args.html {
        let page = html::write(&pairs_page::page(&pairs, tolerance)?);
        std::fs::write(path, page).with_context(|| format!("--html {}", path.display()))?;
    }
    let has_regressed = pairs.iter().any(compare::Pair::has_regressed);
    Ok(if has_regressed { Verdict::SloBreached.exit_code() } else { 0 })
}

async fn run_and_show(args: &RunArgs) -> anyhow::Result<u8> {
    let plan = args.plan()?;
    files::check("--json", args.json.as_deref())?;
    files::check("--html", args.html.as_deref())?;
    let scenario = &plan.scenario;
    println!(
        "{}: {} auctions, {} bidders, {} watchers, {:.3} bids/s for {:?}, seed {}\n",
        scenario.name.as_str(),
        scenario.auctions,
        scenario.bidders,
        scenario.watchers,
        scenario.rate,
        scenario.duration,
        plan.seed
    );
    let report = run::run_again(&plan, args.repeat).await?;
    print!("{}", text::report(&report));
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&report)?;
        std::fs::write(path, json + "\n").with_context(|| format!("--json {}", path.display()))?;
    }
    if let Some(path) = &args.html {
        let page = html::write(&run_report::page(&report)?);
        std::fs::write(path, page).with_context(|| format!("--html {}", path.display()))?;
    }
    Ok(report.verdict.exit_code())
}
