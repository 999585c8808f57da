//! A watcher: it joins a topic of some server, takes bids as they come, stalls, leaves, and comes
//! back with its cursor, at the same server or another.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::time::{Instant, sleep, sleep_until};

use super::server::Server;
use super::world::{Course, World};
use crate::auction::{AuctionId, Bid};
use crate::broker::topic::Reader;

/// What a watcher has seen.
#[derive(Debug, Default)]
pub(super) struct Watcher {
    /// Where it begins: the first bid, or the position where it first joined.
    pub(super) from: Option<u64>,
    /// Every bid that it was told, in that order.
    pub(super) bids: Vec<Bid>,
    /// Whether it was told of the auction's end.
    pub(super) saw_end: bool,
    /// How often it came back with the last bid that it was told.
    pub(super) resumed: usize,
}

impl Watcher {
    /// Watches until the course is over.
    pub(super) async fn watch(mut self, seed: u64, world: &World, course: &Course) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        self.from = random.random::<bool>().then_some(0);
        sleep(Duration::from_millis(random.random_range(0..2000))).await;
        while !course.over.is_cancelled() {
            let server = world.any_server(&mut random);
            let stays = Duration::from_millis(random.random_range(0..4000));
            let leaves = async {
                tokio::select! {
                    () = sleep(stays) => {}
                    () = course.calm.cancelled() => course.over.cancelled().await,
                }
            };
            tokio::select! {
                () = self.join(&server, &world.id, &mut random, course) => {}
                () = server.is_dead() => sleep(Duration::from_millis(10)).await,
                () = leaves => {}
                () = course.over.cancelled() => return self,
            }
            if self.saw_end {
                course.over.cancelled().await;
                return self;
            }
            if !course.calm.is_cancelled() {
                sleep(Duration::from_millis(random.random_range(0..1000))).await;
            }
        }
        self
    }

    /// The cursor that it comes back with.
    fn cursor(&self) -> Option<u64> {
        self.bids.last().map(|bid| bid.sequence).or(self.from)
    }

    /// Joins and takes bids until the auction's end.
    async fn join(
        &mut self,
        server: &Server,
        id: &AuctionId,
        random: &mut StdRng,
        course: &Course,
    ) {
        let Ok(topic) = server.broker.topic(id).await else {
            return sleep(Duration::from_millis(50)).await;
        };
        if let Some(after) = self.cursor() {
            match server.broker.is_ahead(&topic, after).await {
                Ok(is_ahead) => assert!(!is_ahead, "a cursor is of a bid that is in the table"),
                Err(_) => return,
            }
            self.resumed += usize::from(!self.bids.is_empty());
        }
        self.from.get_or_insert(topic.mark().position);
        let mut progress_updates = topic.progress_updates();
        loop {
            let mark = *progress_updates.borrow_and_update();
            let after = self.cursor().unwrap_or_default();
            if after < mark.position {
                self.take(server, &topic, after).await;
            } else if mark.ended {
                self.saw_end = true;
                return;
            } else if progress_updates.changed().await.is_err() {
                return;
            }
            if random.random_bool(0.05) {
                let until = Instant::now() + Duration::from_millis(random.random_range(0..3000));
                tokio::select! {
                    () = sleep_until(until) => {}
                    () = course.calm.cancelled() => {}
                }
            }
        }
    }

    async fn take(&mut self, server: &Server, topic: &Reader, after: u64) {
        match server.broker.history(topic, after).await {
            Ok(history) => {
                assert!(history.reached == after || !history.bids.is_empty(), "no bid is deleted");
                self.bids.extend(history.bids.iter().map(|published| published.bid.clone()));
            }
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}
