//! `run`: one scenario against one service, from set-up to verdict.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api::{Api, TableBid};
use crate::check::{self, Checked};
use crate::clock;
use crate::hops::Latencies;
use crate::market::Lot;
use crate::offers::{Bidders, Offer};
use crate::probe::{self, Probe};
use crate::progress::{self, Live};
use crate::report::{Bids, Report, SCHEMA_VERSION, Verdict};
use crate::scenario::Scenario;
use crate::schedule;
use crate::server::Server;
use crate::slo::{Judged, Slo};
use crate::stamp::format_us;
use crate::token::Mint;
use crate::watchers::{Log, Watchers};

const OPENING_PRICE: u64 = 1_000;
const INCREMENT: u64 = 100;
/// How long deliveries may take after the last answer before they count as missing.
const SETTLE_MAX: Duration = Duration::from_secs(10);
/// A bid sent later than this was not sent on schedule.
const LATE: Duration = Duration::from_millis(100);
/// Auctions that are made, read or cancelled at a time.
const SET_UP_MAX: usize = 50;

/// What is to be run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The scenario with its flags.
    pub scenario: Scenario,
    /// What the schedule is drawn with.
    pub seed: u64,
    /// Objectives.
    pub slos: Vec<Slo>,
    /// The service to run against.
    pub target: Target,
    /// The command that repeats the run.
    pub command: String,
}

/// The service to run against.
#[derive(Debug, Clone)]
pub enum Target {
    /// One that is there.
    Url {
        /// Its base URL.
        url: String,
        /// The secret its tokens are signed with.
        secret: String,
        /// Its relay mode, if the user says.
        relay: Option<String>,
    },
    /// One that is started for the run.
    Own {
        /// Its relay mode.
        relay: String,
        /// Further flags.
        flags: Vec<String>,
    },
}

/// Runs a scenario.
///
/// # Errors
/// When it cannot be set up or finished; what the run shows is in the report's verdict.
pub async fn run(plan: &Plan) -> anyhow::Result<Report> {
    match &plan.target {
        Target::Url { url, secret, relay } => {
            let relay = relay.clone().unwrap_or_else(|| "unknown".to_owned());
            run_against(plan, url, secret, None, relay, true).await
        }
        Target::Own { relay, flags } => {
            let server = Server::start(relay, flags).await?;
            let probe = match &server.ready.embedded_endpoint {
                Some(endpoint) => Some(probe::measure(endpoint).await?),
                None => None,
            };
            let (url, secret) = (server.ready.url.clone(), server.secret.clone());
            let report = run_against(plan, &url, &secret, probe, relay.clone(), false).await;
            let stopped = server.stop().await;
            let mut report = report?;
            if let Err(error) = stopped {
                report.verdict = Verdict::GuaranteeBroken;
                report.reasons.push(format!("the service did not end cleanly: {error}"));
            }
            Ok(report)
        }
    }
}

/// What a run has seen.
struct Seen {
    offers: Vec<Offer>,
    logs: Vec<Log>,
    table: Vec<Vec<TableBid>>,
}

async fn run_against(
    plan: &Plan,
    url: &str,
    secret: &str,
    probe: Option<Probe>,
    relay: String,
    tidy: bool,
) -> anyhow::Result<Report> {
    let scenario = plan.scenario;
    let api = Api::new(url)?;
    api.wait_ready().await?;
    let mint = Mint::new(secret);
    let valid_for = scenario.duration + Duration::from_secs(3600);
    let seller = mint.token("sim-seller", &["seller"], valid_for)?;
    let observer = mint.token("sim-watcher", &["observer"], valid_for)?;
    let offset = api.clock_offset(&observer).await.context("cannot read the service's clock")?;
    let lots = Arc::new(make_lots(&api, &seller, &scenario).await?);
    let live = Arc::new(Live::default());
    let watching = Watchers {
        api: api.clone(),
        base: url.to_owned(),
        token: observer.clone(),
        lots: Arc::clone(&lots),
        live: Arc::clone(&live),
    }
    .start(scenario.watchers)
    .await?;
    let tokens: anyhow::Result<Vec<String>> = (0..scenario.bidders)
        .map(|number| mint.token(&format!("sim-bidder-{number}"), &["bidder"], valid_for))
        .collect();
    let bidders = Bidders {
        api: api.clone(),
        tokens: tokens?,
        lots: Arc::clone(&lots),
        run_id: rand::random(),
        live: Arc::clone(&live),
    };
    let shown = CancellationToken::new();
    let showing = progress::show(Arc::clone(&live), scenario.duration, shown.clone());
    let bidding = async {
        let offers = Arc::new(bidders).run(schedule::plan(&scenario, plan.seed)).await;
        settle(&live, &scenario).await;
        shown.cancel();
        offers
    };
    let (offers, ()) = tokio::join!(bidding, showing);
    let table = read_table(&api, &observer, &lots).await?;
    let seen = Seen { offers: offers?, logs: watching.stop().await?, table };
    if tidy {
        cancel_lots(&api, &seller, &lots).await;
    }
    let latencies = Latencies::measure(&seen.offers, &seen.logs, offset.correction_us());
    let checked = check::check(&seen.offers, &seen.table, &seen.logs);
    let slo: Vec<Judged> = plan.slos.iter().map(|slo| slo.judge(&latencies)).collect();
    let (verdict, reasons) = judge(&seen, &checked, &latencies, &slo);
    Ok(Report {
        schema_version: SCHEMA_VERSION,
        scenario: scenario.name.as_str().to_owned(),
        seed: plan.seed,
        relay,
        command: plan.command.clone(),
        probe,
        clock: offset,
        bids: Bids::count(&seen.offers),
        deliveries: checked.deliveries,
        table: checked.table,
        reconnects: seen.logs.iter().map(|log| log.reconnects as u64).sum(),
        latency_us: latencies.report(),
        slo,
        verdict,
        reasons,
    })
}

/// What the run proves, and why.
fn judge(
    seen: &Seen,
    checked: &Checked,
    latencies: &Latencies,
    slo: &[Judged],
) -> (Verdict, Vec<String>) {
    let mut reasons = Vec::new();
    if !checked.holds() {
        reasons.push("a guarantee was broken: see deliveries and table".to_owned());
    }
    if latencies.torn > 0 {
        reasons.push(format!("the hops of {} deliveries do not add up", latencies.torn));
    }
    if !reasons.is_empty() {
        return (Verdict::GuaranteeBroken, reasons);
    }
    let late_us = i64::try_from(LATE.as_micros()).unwrap_or(i64::MAX);
    let is_late = |offer: &&Offer| offer.sent_us - offer.intended_us > late_us;
    let late = seen.offers.iter().filter(is_late).count();
    if late * 100 > seen.offers.len() {
        let text = format!("{late} of {} bids were sent over {LATE:?} late", seen.offers.len());
        return (Verdict::Invalid, vec![text, "this machine could not keep the schedule".into()]);
    }
    let missed: Vec<String> =
        slo.iter().filter(|judged| !judged.ok).map(|j| format!("{} was missed", j.expr)).collect();
    let verdict = if missed.is_empty() { Verdict::Pass } else { Verdict::SloBreached };
    (verdict, missed)
}

async fn make_lots(api: &Api, seller: &str, scenario: &Scenario) -> anyhow::Result<Vec<Lot>> {
    let ends_us = i64::try_from(scenario.duration.as_micros())? + 3_600_000_000;
    let mut lots = Vec::with_capacity(scenario.auctions);
    while lots.len() < scenario.auctions {
        let mut making = JoinSet::new();
        for number in lots.len()..scenario.auctions.min(lots.len() + SET_UP_MAX) {
            let (api, seller) = (api.clone(), seller.to_owned());
            let now_us = clock::now_us();
            let input = json!({
                "title": format!("Simulated auction {number}"),
                "currency": "EUR",
                "openingPrice": OPENING_PRICE.to_string(),
                "minimumIncrement": INCREMENT.to_string(),
                "opensAt": format_us(now_us - 60_000_000),
                "endsAt": format_us(now_us + ends_us),
                "leaderMayRaise": true,
            });
            making.spawn(async move { api.create_auction(&seller, input).await });
        }
        while let Some(made) = making.join_next().await {
            lots.push(Lot::new(made?.context("cannot make an auction")?, OPENING_PRICE, INCREMENT));
        }
    }
    Ok(lots)
}

/// Waits until what was accepted has reached its watchers, or no longer comes.
async fn settle(live: &Live, scenario: &Scenario) {
    let started = Instant::now();
    let mut before = live.deliveries();
    let mut quiet_since = Instant::now();
    // Deliveries that are expected, if every auction has as many watchers.
    let spread = scenario.watchers.is_multiple_of(scenario.auctions);
    let each = (scenario.watchers / scenario.auctions) as u64;
    while started.elapsed() < SETTLE_MAX {
        let now = live.deliveries();
        let all_came = spread && now >= live.accepted() * each;
        if now != before {
            before = now;
            quiet_since = Instant::now();
        }
        // A duplicate would come after the last: a moment for it.
        let patience = if all_came { 300 } else { 3000 };
        if quiet_since.elapsed() >= Duration::from_millis(patience) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn read_table(api: &Api, observer: &str, lots: &[Lot]) -> anyhow::Result<Vec<Vec<TableBid>>> {
    let mut table = Vec::with_capacity(lots.len());
    for lot in lots {
        table.push(api.bids(observer, &lot.id).await.context("cannot read the bids")?);
    }
    Ok(table)
}

/// Leaves no open auction behind on a service that goes on.
async fn cancel_lots(api: &Api, seller: &str, lots: &[Lot]) {
    for lot in lots {
        if let Err(error) = api.cancel_auction(seller, &lot.id).await {
            eprintln!("auction {} stays open: {error}", lot.id);
            return;
        }
    }
}
