//! Sets up a session: a token for everyone, and the auctions.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;
use tokio::task::JoinSet;

use crate::clock;
use crate::load::auction::Auction;
use crate::load::scenario::Scenario;
use crate::service::api::Api;
use crate::service::tokens::{Tokens, Users};
use crate::service::{credentials, limits};
use crate::stamp::format_us;

const OPENING_PRICE: u64 = 1_000;
const INCREMENT: u64 = 100;
/// Auctions created concurrently.
const SET_UP_MAX: usize = 50;

/// The settings of the set-up.
pub(super) struct Setting<'a> {
    pub(super) scenario: Scenario,
    pub(super) tokens: &'a Tokens,
    pub(super) is_guest: bool,
}

/// The tokens and client of the session itself.
pub(super) struct Actors {
    pub(super) api: Api,
    pub(super) users: Arc<Users>,
}

impl Setting<'_> {
    /// A client, limited to this many concurrent requests if the service is not our own.
    pub(super) fn api(&self, base: &str, in_flight_max: usize) -> anyhow::Result<Api> {
        if self.is_guest { Api::with(base, in_flight_max) } else { Api::new(base) }
    }

    /// Waits for the service, and obtains a token for everyone.
    pub(super) async fn actors(&self, url: &str) -> anyhow::Result<Actors> {
        let api = self.api(url, limits::REQUESTS_IN_FLIGHT)?;
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
            let most = users.watchers.len() * limits::SOCKETS_PER_USER;
            anyhow::ensure!(
                watchers <= most,
                "the service admits no anonymous watchers, and {} tokens carry {most}: give --token \
                 more often, --token-command, or --watchers {most}",
                users.watchers.len()
            );
        }
        Ok(Actors { api, users: Arc::new(users) })
    }

    /// Opens the scenario's auctions.
    pub(super) async fn make_auctions(&self, actors: &Actors) -> anyhow::Result<Vec<Auction>> {
        let scenario = &self.scenario;
        let mut auctions = Vec::with_capacity(scenario.auctions);
        let hour = Duration::from_secs(3600);
        // The set-up itself takes a while: watchers connect after this.
        let set_up = Duration::from_millis(1500 + 15 * scenario.watchers as u64);
        let after = scenario.closing.map_or(hour, |closing| closing.after + set_up);
        let ends_us = clock::now_us() + i64::try_from((scenario.duration + after).as_micros())?;
        while auctions.len() < scenario.auctions {
            let mut making = JoinSet::new();
            for number in auctions.len()..scenario.auctions.min(auctions.len() + SET_UP_MAX) {
                let (api, seller) = (actors.api.clone(), actors.users.seller.clone());
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
                let id = made?.context("cannot create an auction")?;
                auctions.push(Auction::new(id, OPENING_PRICE, INCREMENT, ends_us));
            }
        }
        Ok(auctions)
    }
}

impl Actors {
    /// Cancels the auctions, so that no open one is left on a service that continues.
    pub(super) async fn cancel(&self, auctions: &[Auction]) {
        for auction in auctions {
            if let Err(error) = self.api.cancel_auction(&self.users.seller, &auction.id).await {
                eprintln!("auction {} stays open: {error}", auction.id);
                return;
            }
        }
    }
}
