//! A stage: one scenario played against one service, and everything that was seen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::answer::{BidAnswer, Standing, TableBid};
use crate::api::{Api, Bid, ClockOffset};
use crate::bidders::Bidders;
use crate::delivery::Log;
use crate::market::Lot;
use crate::modesty::{self, Pace};
use crate::offer::Offer;
use crate::plan::View;
use crate::progress::{self, Live};
use crate::scenario::{Name, Scenario};
use crate::schedule;
use crate::stamp::format_us;
use crate::tokens::{Tokens, Users};
use crate::watchers::Watchers;
use crate::{clock, credentials};

const OPENING_PRICE: u64 = 1_000;
const INCREMENT: u64 = 100;
/// How long a bid without an answer is sent again; longer where answers are lost on purpose.
const PATIENCE: Duration = Duration::from_secs(5);
const PATIENCE_IN_CHAOS: Duration = Duration::from_secs(60);
/// How long deliveries may take after the last answer before they count as missing.
const SETTLE_MAX: Duration = Duration::from_secs(30);
/// How long it may be quiet although deliveries are missing: a service looks at its table every 10 s.
const QUIET_MAX: Duration = Duration::from_secs(12);
/// How long an auction may take to close after its end.
const CLOSING_MAX: Duration = Duration::from_secs(60);
/// Auctions that are made at a time.
const SET_UP_MAX: usize = 50;

/// Where a scenario is played.
pub struct Stage<'a> {
    /// What is played.
    pub scenario: Scenario,
    /// What it is drawn with.
    pub seed: u64,
    /// The service.
    pub url: &'a str,
    /// Where bidders and watchers reach it, and its further servers: there, or through a last mile.
    pub edges: &'a [String],
    /// Where its tokens come from.
    pub tokens: &'a Tokens,
    /// Whether the service is somebody's, and goes on: then its default limits of a client are kept,
    /// and no open auction is left behind.
    pub is_guest: bool,
    /// What is shown meanwhile.
    pub view: View,
}

/// What was seen.
#[derive(Default)]
pub struct Seen {
    /// Every bid that was offered.
    pub offers: Vec<Offer>,
    /// What each watcher was told.
    pub logs: Vec<Log>,
    /// Each auction's bids in the table.
    pub table: Vec<Vec<TableBid>>,
    /// When each auction was to end.
    pub ends_us: Vec<i64>,
    /// How each auction ended, where it was to end.
    pub endings: Vec<Ending>,
    /// The service's clock against ours.
    pub clock: ClockOffset,
    /// Limits of the service that were met, and how often each.
    pub limits: BTreeMap<String, u64>,
}

/// How an auction ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Its number.
    pub auction: usize,
    /// How it stands.
    pub standing: Standing,
    /// Whether a bid after the end was accepted.
    pub late_accepted: bool,
}

/// Who acts for the stage itself.
struct Crew {
    api: Api,
    users: Arc<Users>,
}

impl Seen {
    /// Puts what another stage has seen after this.
    pub fn extend(&mut self, mut other: Self) {
        let auctions = self.table.len();
        other.offers.iter_mut().for_each(|offer| offer.auction += auctions);
        other.logs.iter_mut().for_each(|log| log.auction += auctions);
        other.endings.iter_mut().for_each(|ending| ending.auction += auctions);
        self.offers.append(&mut other.offers);
        self.logs.append(&mut other.logs);
        self.table.append(&mut other.table);
        self.ends_us.append(&mut other.ends_us);
        self.endings.append(&mut other.endings);
        self.clock = other.clock;
        for (limit, times) in other.limits {
            *self.limits.entry(limit).or_default() += times;
        }
    }
}

impl Stage<'_> {
    /// Plays the scenario. `over` is cancelled when the last bid was to be sent.
    ///
    /// # Errors
    /// When it cannot be set up, or its outcome cannot be read.
    pub async fn play(&self, over: CancellationToken) -> anyhow::Result<Seen> {
        let scenario = self.scenario;
        let crew = self.crew().await?;
        let (api, observer) = (&crew.api, &crew.users.observer);
        let clock = api.clock_offset(observer).await.context("the service's clock")?;
        let lots = Arc::new(self.make_lots(&crew).await?);
        let live = Arc::new(Live::default());
        let watchers = Watchers {
            bases: Arc::from(self.edges),
            users: Arc::clone(&crew.users),
            pace: Arc::new(Pace::new(self.is_guest)),
            lots: Arc::clone(&lots),
            live: Arc::clone(&live),
            scenario,
            seed: self.seed,
        };
        let watching = watchers.start().await?;
        let start_us = self.start_us(&lots)?;
        let bidders = Bidders {
            apis: self
                .edges
                .iter()
                .map(|edge| self.api(edge, modesty::BIDS_IN_FLIGHT))
                .collect::<Result<_, _>>()?,
            users: Arc::clone(&crew.users),
            lots: Arc::clone(&lots),
            run_id: rand::random(),
            rising: scenario.rising,
            patience: if scenario.name == Name::Chaos { PATIENCE_IN_CHAOS } else { PATIENCE },
            start_us,
            live: Arc::clone(&live),
        };
        let shown = CancellationToken::new();
        let bidding = async {
            let timer = async {
                tokio::time::sleep(clock::until(start_us) + scenario.duration).await;
                over.cancel();
            };
            let planned = schedule::plan(&scenario, self.seed);
            let (offers, ()) = tokio::join!(Arc::new(bidders).run(planned), timer);
            watching.calm();
            self.settle(&live).await;
            shown.cancel();
            offers
        };
        let showing = async {
            if self.view == View::Live {
                progress::show(Arc::clone(&live), scenario.duration, shown.clone()).await;
            }
        };
        let (offers, ()) = tokio::join!(bidding, showing);
        let endings = match scenario.closing {
            Some(_) => self.close(&crew, &lots, &live).await?,
            None => Vec::new(),
        };
        let mut table = Vec::with_capacity(lots.len());
        for lot in lots.iter() {
            table.push(api.bids(observer, &lot.id).await.context("cannot read the bids")?);
        }
        let told = watching.stop().await?;
        if self.is_guest && scenario.closing.is_none() {
            cancel_lots(&crew, &lots).await;
        }
        let ends_us = lots.iter().map(|lot| lot.ends_us).collect();
        let limits = live.limits();
        Ok(Seen { offers: offers?, logs: told, table, ends_us, endings, clock, limits })
    }

    /// A client with at most so many requests under way, where the service is not our own.
    fn api(&self, base: &str, in_flight_max: usize) -> anyhow::Result<Api> {
        if self.is_guest { Api::with(base, in_flight_max) } else { Api::new(base) }
    }

    /// Waits for the service, and has a token for everyone.
    async fn crew(&self) -> anyhow::Result<Crew> {
        let api = self.api(self.url, modesty::REQUESTS_IN_FLIGHT)?;
        api.wait_ready().await?;
        let Scenario { bidders, watchers, duration, .. } = self.scenario;
        let valid_for = duration + Duration::from_secs(3600);
        let mut users = self.tokens.users(bidders, watchers, valid_for).await?;
        if self.is_guest {
            let until_us = clock::now_us() + i64::try_from(duration.as_micros())?;
            credentials::check(&api, &users, until_us).await?;
        }
        if users.watchers == [None] && !api.admits_anonymous().await? {
            let all = std::iter::once(&users.seller).chain(&users.bidders);
            users.watchers = all.cloned().map(Some).collect();
            let most = users.watchers.len() * modesty::SOCKETS_PER_USER;
            anyhow::ensure!(
                watchers <= most,
                "the service admits no anonymous watchers, and {} tokens carry {most}: give --token \
                 more often, --token-command, or --watchers {most}",
                users.watchers.len()
            );
        }
        Ok(Crew { api, users: Arc::new(users) })
    }

    async fn make_lots(&self, crew: &Crew) -> anyhow::Result<Vec<Lot>> {
        let scenario = &self.scenario;
        let mut lots = Vec::with_capacity(scenario.auctions);
        let hour = Duration::from_secs(3600);
        // Setting up takes a while of its own: watchers connect after this.
        let set_up = Duration::from_millis(1500 + 15 * scenario.watchers as u64);
        let after = scenario.closing.map_or(hour, |closing| closing.after + set_up);
        let ends_us = clock::now_us() + i64::try_from((scenario.duration + after).as_micros())?;
        while lots.len() < scenario.auctions {
            let mut making = JoinSet::new();
            for number in lots.len()..scenario.auctions.min(lots.len() + SET_UP_MAX) {
                let (api, seller) = (crew.api.clone(), crew.users.seller.clone());
                let closing = scenario.closing;
                let input = json!({
                    "title": format!("Simulated auction {number}"),
                    "currency": "EUR",
                    "openingPrice": OPENING_PRICE.to_string(),
                    "minimumIncrement": INCREMENT.to_string(),
                    "opensAt": format_us(clock::now_us() - 60_000_000),
                    "endsAt": format_us(ends_us),
                    "leaderMayRaise": true,
                    "softCloseSeconds": closing.map_or(0, |c| c.soft_close_seconds),
                    "softCloseExtensionsMax": closing.map_or(0, |c| c.soft_close_extensions_max),
                });
                making.spawn(async move { api.create_auction(&seller, input).await });
            }
            while let Some(made) = making.join_next().await {
                let id = made?.context("cannot make an auction")?;
                lots.push(Lot::new(id, OPENING_PRICE, INCREMENT, ends_us));
            }
        }
        Ok(lots)
    }

    /// When the first bid is sent: where auctions end, so that the last one is on time.
    fn start_us(&self, lots: &[Lot]) -> anyhow::Result<i64> {
        let Some(closing) = self.scenario.closing else { return Ok(0) };
        let before_us = i64::try_from((self.scenario.duration + closing.after).as_micros())?;
        Ok(lots.iter().map(|lot| lot.ends_us).min().unwrap_or(0) - before_us)
    }

    /// Waits until what was accepted has reached its watchers, or no longer comes.
    async fn settle(&self, live: &Live) {
        let scenario = &self.scenario;
        let started = Instant::now();
        let mut before = live.deliveries();
        let mut quiet_since = Instant::now();
        // Deliveries that are expected, if every auction has as many watchers.
        let even = scenario.watchers.is_multiple_of(scenario.auctions);
        let each = (scenario.watchers / scenario.auctions) as u64;
        while started.elapsed() < SETTLE_MAX {
            let now = live.deliveries();
            let all_came = even && now >= live.accepted() * each;
            if now != before {
                before = now;
                quiet_since = Instant::now();
            }
            // A duplicate would come after the last: a moment for it.
            let patience = match (all_came, even) {
                (true, _) => Duration::from_millis(300),
                (false, true) => QUIET_MAX,
                (false, false) => Duration::from_secs(3),
            };
            if quiet_since.elapsed() >= patience {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until every auction has closed, and tries a bid after that.
    async fn close(&self, crew: &Crew, lots: &[Lot], live: &Live) -> anyhow::Result<Vec<Ending>> {
        let mut endings = Vec::with_capacity(lots.len());
        for (auction, lot) in lots.iter().enumerate() {
            let started = Instant::now();
            let standing = loop {
                let standing = crew.api.standing(&crew.users.observer, &lot.id).await?;
                let wait = clock::until(lot.ends_us) + CLOSING_MAX;
                if standing.status == "CLOSED" || started.elapsed() > wait {
                    break standing;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            };
            let late = Bid {
                auction_id: &lot.id,
                amount: 1_000_000_000,
                key: None,
                sent_us: clock::now_us(),
                traceparent: "",
            };
            let answer = crew.api.place_bid(crew.users.bidder(0), late).await;
            let late_accepted = matches!(answer, Ok(BidAnswer::BidAccepted { .. }));
            endings.push(Ending { auction, standing, late_accepted });
        }
        let started = Instant::now();
        while live.completions() < self.scenario.watchers as u64 && started.elapsed() < SETTLE_MAX {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(endings)
    }
}

/// Leaves no open auction behind on a service that goes on.
async fn cancel_lots(crew: &Crew, lots: &[Lot]) {
    for lot in lots {
        if let Err(error) = crew.api.cancel_auction(&crew.users.seller, &lot.id).await {
            eprintln!("auction {} stays open: {error}", lot.id);
            return;
        }
    }
}
