//! A session: one scenario run against one service, and everything that was observed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::clock;
use crate::load::auction::Auction;
use crate::load::bidders::Bidders;
use crate::load::course::Course;
use crate::load::fit::Pace;
use crate::load::scenario::Scenario;
use crate::load::schedule;
use crate::load::set_up::{Actors, Setting};
use crate::load::watchers::Watchers;
use crate::measure::live::Live;
use crate::measure::seen::{Ending, Seen};
use crate::service::answer::BidAnswer;
use crate::service::api::Bid;
use crate::service::limits;
use crate::service::tokens::Tokens;

/// How long deliveries may take after the last answer before they count as missing.
const SETTLE_MAX: Duration = Duration::from_secs(30);
/// How long nothing may arrive while deliveries are missing: a service checks its table every 10 s.
const QUIET_MAX: Duration = Duration::from_secs(12);
/// How long an auction may take to close after its end.
const CLOSING_MAX: Duration = Duration::from_secs(60);

/// A scenario that is run against a service.
pub struct Session<'a> {
    /// The scenario to run.
    pub scenario: Scenario,
    /// The seed of the run.
    pub seed: u64,
    /// The URL of the service.
    pub url: &'a str,
    /// The URLs that bidders and watchers use for its servers: direct, or through a last mile.
    pub edges: &'a [String],
    /// The source of its tokens.
    pub tokens: &'a Tokens,
    /// Whether the service existed before and continues: then its default limits of a client are
    /// respected, and no open auction is left behind.
    pub is_guest: bool,
    /// The live figures of the run.
    pub live: Arc<Live>,
    /// The phases of the run.
    pub course: Course,
}

impl Session<'_> {
    /// Runs the scenario.
    ///
    /// # Errors
    /// When it cannot be set up, or its outcome cannot be read.
    pub async fn run(&self) -> anyhow::Result<Seen> {
        let scenario = self.scenario;
        let setting = Setting { scenario, tokens: self.tokens, is_guest: self.is_guest };
        let actors = setting.actors(self.url).await?;
        let (api, observer) = (&actors.api, &actors.users.observer);
        let clock = api.clock_offset(observer).await.context("the service's clock")?;
        let auctions = Arc::new(setting.make_auctions(&actors).await?);
        let (live, course) = (&self.live, &self.course);
        let watchers = Watchers {
            bases: Arc::from(self.edges),
            users: Arc::clone(&actors.users),
            pace: Arc::new(Pace::new(self.is_guest)),
            auctions: Arc::clone(&auctions),
            live: Arc::clone(live),
            scenario,
            seed: self.seed,
        };
        let watching = watchers.start().await?;
        let start_us = self.start_us(&auctions)?;
        let bidders = Bidders {
            apis: self
                .edges
                .iter()
                .map(|edge| setting.api(edge, limits::BIDS_IN_FLIGHT))
                .collect::<Result<_, _>>()?,
            users: Arc::clone(&actors.users),
            auctions: Arc::clone(&auctions),
            run_id: rand::random(),
            rising: scenario.rising,
            patience: scenario.patience,
            start_us,
            live: Arc::clone(live),
        };
        course.begun.cancel();
        let timer = async {
            tokio::time::sleep(clock::until(start_us) + scenario.duration).await;
            course.over.cancel();
        };
        let planned = schedule::plan(&scenario, self.seed);
        let (attempts, ()) = tokio::join!(Arc::new(bidders).run(planned), timer);
        watching.stop_churn();
        self.settle(live).await;
        course.settled.cancel();
        let endings = match scenario.closing {
            Some(_) => self.close(&actors, &auctions, live).await?,
            None => Vec::new(),
        };
        let mut table = Vec::with_capacity(auctions.len());
        for auction in auctions.iter() {
            table.push(api.bids(observer, &auction.id).await.context("cannot read the bids")?);
        }
        let told = watching.stop().await?;
        if self.is_guest && scenario.closing.is_none() {
            actors.cancel(&auctions).await;
        }
        let ends_us = auctions.iter().map(|auction| auction.ends_us).collect();
        let limits = live.limits();
        Ok(Seen { attempts: attempts?, logs: told, table, ends_us, endings, clock, limits })
    }

    /// When the first bid is sent: if auctions end, so that the last one is on time.
    fn start_us(&self, auctions: &[Auction]) -> anyhow::Result<i64> {
        let Some(closing) = self.scenario.closing else { return Ok(0) };
        let before_us = i64::try_from((self.scenario.duration + closing.after).as_micros())?;
        Ok(auctions.iter().map(|auction| auction.ends_us).min().unwrap_or(0) - before_us)
    }

    /// Waits until accepted bids have reached their watchers, or no more are coming.
    async fn settle(&self, live: &Live) {
        let scenario = &self.scenario;
        let started = Instant::now();
        let mut before = live.deliveries();
        let mut quiet_since = Instant::now();
        // The expected deliveries, if every auction has as many watchers.
        let even = scenario.watchers.is_multiple_of(scenario.auctions);
        let each = (scenario.watchers / scenario.auctions) as u64;
        while started.elapsed() < SETTLE_MAX {
            let now = live.deliveries();
            let all_came = even && now >= live.accepted() * each;
            if now != before {
                before = now;
                quiet_since = Instant::now();
            }
            // A duplicate would arrive after the last: waits a moment for it.
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

    /// Waits until every auction has closed, and then tries a bid.
    async fn close(
        &self,
        actors: &Actors,
        auctions: &[Auction],
        live: &Live,
    ) -> anyhow::Result<Vec<Ending>> {
        let mut endings = Vec::with_capacity(auctions.len());
        for (number, auction) in auctions.iter().enumerate() {
            let started = Instant::now();
            let standing = loop {
                let standing = actors.api.standing(&actors.users.observer, &auction.id).await?;
                let wait = clock::until(auction.ends_us) + CLOSING_MAX;
                if standing.status == "CLOSED" || started.elapsed() > wait {
                    break standing;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            };
            let late = Bid {
                auction_id: &auction.id,
                amount: 1_000_000_000,
                key: None,
                sent_us: clock::now_us(),
                traceparent: "",
            };
            let answer = actors.api.place_bid(actors.users.bidder(0), late).await;
            let late_accepted = matches!(answer, Ok(BidAnswer::BidAccepted { .. }));
            endings.push(Ending { auction: number, standing, late_accepted });
        }
        let started = Instant::now();
        while live.completions() < self.scenario.watchers as u64 && started.elapsed() < SETTLE_MAX {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(endings)
    }
}
