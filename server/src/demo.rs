//! Demo auctions and tokens.

use std::time::Duration;

use anyhow::Context as _;
use gavel_core::auction::{Amount, Auction, AuctionId, Draft, Timestamp, UserId};
use gavel_core::clock;
use gavel_core::store::Dynamo;
use gavel_core::store::pages::Direction;
use gavel_core::store::phase::Phase;

use crate::auth::{Role, Verifier};
use crate::graphql::scalar::format_time;

const TOKEN_LIFE: Duration = Duration::from_secs(24 * 3600);
const SELLER: &str = "demo-seller";
/// Title, minutes until the end, opening price in cents.
const TITLES: [(&str, u64, u64); 3] = [
    ("A lamp by Poul Henningsen, 1958", 60, 2_000),
    ("First edition, slightly foxed", 240, 15_000),
    ("A week in the lighthouse", 24 * 60, 9_000),
];

/// Demo auctions, and a token for each role.
#[derive(Debug, Clone)]
pub struct Demo {
    /// Open auctions; empty if none were to be seeded.
    pub auction_ids: Vec<AuctionId>,
    /// One token per role.
    pub tokens: Vec<(Role, String)>,
}

/// The auctions of the demo: those that are open already, or new ones.
///
/// # Errors
/// When the store does not answer.
pub async fn auctions(store: &Dynamo) -> anyhow::Result<Vec<AuctionId>> {
    let open = store
        .list(Phase::Closing, None, TITLES.len(), Direction::Ascending)
        .await
        .context("cannot list")?;
    if !open.is_empty() {
        return Ok(open.into_iter().map(|(_, auction)| auction.id).collect());
    }
    let now = clock::now();
    let mut ids = Vec::with_capacity(TITLES.len());
    for (title, minutes, opening_price) in TITLES {
        let auction = auction(title, minutes, opening_price, now)?;
        store.create(&auction).await.context("cannot seed the demo")?;
        ids.push(auction.id);
    }
    Ok(ids)
}

impl Demo {
    /// A demo with these auctions and one token per role.
    ///
    /// # Errors
    /// When a token cannot be encoded.
    pub fn new(auction_ids: Vec<AuctionId>, verifier: &Verifier) -> anyhow::Result<Self> {
        let now = clock::now();
        let mint = |role: Role| {
            let sub = format!("demo-{}", role.name());
            verifier.mint(&sub, &[role], now, TOKEN_LIFE).map(|token| (role, token))
        };
        let tokens: Option<Vec<_>> = Role::ALL.into_iter().map(mint).collect();
        Ok(Self { auction_ids, tokens: tokens.context("cannot mint a token")? })
    }
}

fn auction(title: &str, minutes: u64, price: u64, now: Timestamp) -> anyhow::Result<Auction> {
    let draft = Draft {
        title: title.to_owned(),
        description: "Seeded for the demo.".to_owned(),
        currency: "EUR".to_owned(),
        opening_price: Amount::new(price)?,
        minimum_increment: Amount::new(100)?,
        reserve_price: Some(Amount::new(price * 3)?),
        opens_at: Some(now),
        ends_at: now.plus(Duration::from_secs(minutes * 60)),
        soft_close_seconds: 30,
        soft_close_extensions_max: 20,
        leader_may_raise: true,
    };
    Ok(draft.into_auction(AuctionId::random(), UserId::from(SELLER), now)?)
}

impl Demo {
    /// The token of a role.
    pub fn token(&self, role: Role) -> &str {
        let found = self.tokens.iter().find(|(of, _)| *of == role);
        found.map_or("", |(_, token)| token)
    }

    /// Examples for a terminal: a ready `curl` command per role.
    pub fn examples(&self, url: &str) -> String {
        let id = self.auction_ids.first().map_or("<an auction's id>", AuctionId::as_str);
        let bid = format!(
            "mutation {{ placeBid(input: {{auctionId: \\\"{id}\\\", amount: \\\"2000\\\"}}) {{ \
             ... on BidAccepted {{ bid {{ sequence amount }} committedAt }} \
             ... on BidRejected {{ code message minimumBid }} }} }}"
        );
        let create = format!(
            "mutation {{ createAuction(input: {{title: \\\"A chair\\\", currency: \\\"EUR\\\", \
             openingPrice: \\\"1000\\\", minimumIncrement: \\\"100\\\", opensAt: \\\"{}\\\", \
             endsAt: \\\"{}\\\"}}) {{ id status }} }}",
            format_time(clock::now()),
            format_time(clock::now().plus(TOKEN_LIFE)),
        );
        let reserve =
            format!("{{ auction(id: \\\"{id}\\\") {{ title reservePrice reserveMet }} }}");
        let list = "{ auctions(status: OPEN) { nodes { id title minimumBid endsAt } } }".to_owned();
        let examples = [
            (Role::Bidder, "place a bid (raise the amount to bid again)", bid),
            (Role::Seller, "make an auction", create),
            (Role::Auctioneer, "see a reserve price (and open or cancel)", reserve),
            (Role::Observer, "look at what is on", list),
        ];
        let one = |(role, what, query): &(Role, &str, String)| {
            let (name, token) = (role.name(), self.token(*role));
            format!(
                "# as {name}: {what}\ncurl -s {url} -H 'content-type: application/json' \\\n  \
                 -H 'authorization: Bearer {token}' \\\n  -d '{{\"query\": \"{query}\"}}'\n"
            )
        };
        examples.iter().map(one).collect::<Vec<_>>().join("\n")
    }
}
