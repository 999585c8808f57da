//! Hops: the segments of the timed path, all from the timestamps of one bid, so that they add up.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::measure::attempt::{Attempt, Outcome};
use crate::measure::delivery::{Delivery, Log};
use crate::measure::latency::{Latency, Summary};

/// The latencies of a run.
#[derive(Debug, Clone, Default)]
pub struct Latencies {
    /// From the intended send to each watcher: one sample per live delivery.
    pub client_to_client: Latency,
    /// From the intended send to the last watcher: one sample per bid that every watcher got live.
    pub client_to_last_client: Latency,
    /// Intended -> sent.
    pub schedule: Latency,
    /// Sent -> received by the service.
    pub request: Latency,
    /// Received -> received by the server that writes the auction, for bids that another server was
    /// sent.
    pub forward: Latency,
    /// Received by the server that writes it -> sealed for the write.
    pub lane: Latency,
    /// Sealed -> read from the stream.
    pub store_and_stream: Latency,
    /// Read -> published in order.
    pub relay: Latency,
    /// Published -> received by a watcher: one sample per live delivery.
    pub deliver: Latency,
    /// Sealed -> acknowledged by the store.
    pub commit: Latency,
    /// Acknowledged by the store -> read by the relay, by the stream or the table: propagation and
    /// waiting for a poll.
    pub stream: Latency,
    /// Sent -> answered as accepted or rejected: how long a bidder waits.
    pub answer: Latency,
    /// Acknowledged by the store -> received by the last of its watchers that got it live, on
    /// whichever server.
    pub spread: Latency,
    /// Every bid that all its watchers got live, in the order of the schedule.
    pub bids: Vec<Timed>,
    /// Bids whose hops do not add up to client-to-client: none, unless a timestamp is wrong.
    pub torn: u64,
}

/// One bid on its way to its last watcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timed {
    /// When it was planned to be sent.
    pub intended_us: i64,
    /// From then to the last watcher.
    pub total_us: i64,
    /// The hops on the way there, in the order of the path; `lane` begins with `forward`.
    pub hops_us: [i64; 6],
    /// The part of `lane` until the server that writes the auction had the bid: 0 if its client sent
    /// it there.
    pub forward_us: i64,
    /// The part of `store_and_stream` until the store had acknowledged, if that is known.
    pub commit_us: Option<i64>,
}

/// The latencies in the JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyReport {
    /// See [`Latencies`].
    pub client_to_client: Summary,
    /// See [`Latencies`].
    pub client_to_last_client: Summary,
    /// See [`Hops`].
    pub hops: Hops,
    /// See [`Latencies`].
    pub commit: Summary,
    /// See [`Latencies`].
    #[serde(default)]
    pub stream: Summary,
    /// See [`Latencies`].
    #[serde(default)]
    pub answer: Summary,
    /// See [`Latencies`].
    #[serde(default)]
    pub spread: Summary,
}

/// The hops, in the order of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hops {
    /// See [`Latencies`].
    pub schedule: Summary,
    /// See [`Latencies`].
    pub request: Summary,
    /// See [`Latencies`].
    #[serde(default)]
    pub forward: Summary,
    /// See [`Latencies`].
    pub lane: Summary,
    /// See [`Latencies`].
    pub store_and_stream: Summary,
    /// See [`Latencies`].
    pub relay: Summary,
    /// See [`Latencies`].
    pub deliver: Summary,
}

/// The hops of one delivery, in microseconds, in the order of the path; `lane` begins with
/// `forward`.
fn hops_us(attempt: &Attempt, told: &Delivery, correction_us: i64) -> [i64; 6] {
    let ours = |stamp: crate::stamp::Stamp| stamp.0 - correction_us;
    let timing = told.timing;
    let stamps = [
        attempt.intended_us,
        attempt.sent_us,
        ours(timing.received_at),
        ours(timing.written_at),
        ours(timing.read_at),
        ours(timing.published_at),
        told.received_us,
    ];
    std::array::from_fn(|leg| stamps[leg + 1] - stamps[leg])
}

impl Latencies {
    /// Measures a run. `correction_us`: how far the service's clock is ahead of ours.
    pub fn measure(attempts: &[Attempt], logs: &[Log], correction_us: i64) -> Self {
        let mut latencies = Self::default();
        let mut watchers: HashMap<usize, usize> = HashMap::new();
        let mut told: HashMap<&str, Vec<&Delivery>> = HashMap::new();
        // A watcher that does not read would measure itself.
        for log in logs.iter().filter(|log| !log.stalled) {
            *watchers.entry(log.auction).or_default() += 1;
            for delivery in log.deliveries.iter().filter(|delivery| !delivery.replay) {
                told.entry(&delivery.bid_id).or_default().push(delivery);
            }
        }
        for attempt in attempts {
            latencies.schedule.add(attempt.sent_us - attempt.intended_us);
            if let Some(answered_us) = attempt.answered_us {
                latencies.answer.add(answered_us - attempt.sent_us);
            }
            let Outcome::Accepted { bid_id, written_us, committed_us, .. } = &attempt.outcome
            else {
                continue;
            };
            if let Some(committed_us) = committed_us {
                latencies.commit.add(committed_us - written_us);
            }
            let live = told.get(bid_id.as_str()).map_or(&[][..], Vec::as_slice);
            let all = watchers.get(&attempt.auction).copied().unwrap_or(0);
            latencies.bid(attempt, live, all, correction_us);
        }
        latencies
    }

    fn bid(&mut self, attempt: &Attempt, live: &[&Delivery], watchers: usize, correction_us: i64) {
        for (number, told) in live.iter().enumerate() {
            let total_us = told.received_us - attempt.intended_us;
            self.client_to_client.add(total_us);
            let hops = hops_us(attempt, told, correction_us);
            let [_, request, lane, store_and_stream, relay, deliver] = hops;
            self.deliver.add(deliver);
            if number == 0 {
                self.request.add(request);
                let forward = told.timing.forward_us();
                if let Some(forward) = forward {
                    self.forward.add(forward);
                }
                self.lane.add(lane - forward.unwrap_or(0));
                self.store_and_stream.add(store_and_stream);
                self.relay.add(relay);
                if let Outcome::Accepted { committed_us: Some(committed_us), .. } = attempt.outcome
                {
                    self.stream.add(told.timing.read_at.0 - committed_us);
                }
            }
            self.torn += u64::from(hops.iter().sum::<i64>() != total_us);
        }
        let last = live.iter().max_by_key(|told| told.received_us);
        if let Some(last) = last
            && let Outcome::Accepted { committed_us: Some(committed_us), .. } = attempt.outcome
        {
            self.spread.add(last.received_us - (committed_us - correction_us));
        }
        if let Some(last) = last.filter(|_| live.len() == watchers) {
            let total_us = last.received_us - attempt.intended_us;
            self.client_to_last_client.add(total_us);
            let hops_us = hops_us(attempt, last, correction_us);
            let commit_us = match attempt.outcome {
                Outcome::Accepted { committed_us: Some(at), written_us, .. } => {
                    Some(at - written_us)
                }
                _ => None,
            };
            let intended_us = attempt.intended_us;
            let forward_us = last.timing.forward_us().unwrap_or(0);
            self.bids.push(Timed { intended_us, total_us, hops_us, forward_us, commit_us });
        }
    }

    /// By name, for an SLO.
    pub fn named(&self, name: &str) -> Option<&Latency> {
        Some(match name {
            "client_to_client" => &self.client_to_client,
            "client_to_last_client" => &self.client_to_last_client,
            "schedule" => &self.schedule,
            "request" => &self.request,
            "forward" => &self.forward,
            "lane" => &self.lane,
            "store_and_stream" => &self.store_and_stream,
            "relay" => &self.relay,
            "deliver" => &self.deliver,
            "commit" => &self.commit,
            "stream" => &self.stream,
            "answer" => &self.answer,
            "spread" => &self.spread,
            _ => return None,
        })
    }

    /// The latencies for the JSON.
    pub fn report(&self) -> LatencyReport {
        LatencyReport {
            client_to_client: self.client_to_client.summary(),
            client_to_last_client: self.client_to_last_client.summary(),
            hops: Hops {
                schedule: self.schedule.summary(),
                request: self.request.summary(),
                forward: self.forward.summary(),
                lane: self.lane.summary(),
                store_and_stream: self.store_and_stream.summary(),
                relay: self.relay.summary(),
                deliver: self.deliver.summary(),
            },
            commit: self.commit.summary(),
            stream: self.stream.summary(),
            answer: self.answer.summary(),
            spread: self.spread.summary(),
        }
    }
}

#[cfg(test)]
#[path = "hops_tests.rs"]
mod tests;
