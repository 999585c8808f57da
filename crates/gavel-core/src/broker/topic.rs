//! One watched auction: its bids in order, its latest state, and the recent past.
//!
//! Readers pull: each keeps its own cursor, is woken by the [`Progress`], and takes what is new. So
//! there is no queue between topic and reader, and a slow reader costs nobody else anything.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gavel_trace::Tracer;
use parking_lot::Mutex;
use tokio::sync::{OnceCell, watch};
use tokio::time::Instant;
use tracing::error;

use super::counts::BrokerCounts;
use super::event::{Envelope, Event, PublishedBid};
use super::quiet::Watched;
use super::sequencer::Sequencer;
use super::trace;
use crate::auction::{Auction, AuctionId};
use crate::{clock, limits};

/// The progress of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// The sequence of the last published bid.
    pub position: u64,
    /// The version of the released state.
    pub version: u64,
    /// Whether the auction is closed or cancelled, and its last bid is published.
    pub ended: bool,
}

/// A topic. Its lock is held briefly, never across an await.
#[derive(Debug)]
pub struct Topic {
    id: AuctionId,
    tracer: Tracer,
    counts: Arc<BrokerCounts>,
    state: Mutex<State>,
    mark: watch::Sender<Progress>,
    /// Set once the first consistent read has given the position.
    pub(super) started: OnceCell<()>,
    /// Attached readers; a topic without any is dropped after a while.
    readers: AtomicUsize,
    /// Locked while recent bids are read from the table, so that one reader does it for all.
    pub(super) warming: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State {
    sequencer: Sequencer<Envelope>,
    /// The latest state whose bids have all been published.
    released: Option<Arc<Auction>>,
    /// A newer state that waits for its bids.
    held: Option<Auction>,
    /// The last bids, contiguous, up to the position.
    backlog: VecDeque<Arc<PublishedBid>>,
    /// Bids that somebody deleted from the table: from which sequence (exclusive) to which.
    missing_ranges: BTreeMap<u64, u64>,
    /// Whether a repair is in flight.
    repairing: bool,
    /// When the last reader left.
    idle_since: Instant,
    /// When the topic last received anything.
    heard: Instant,
    /// When bids were last published.
    active: Option<Instant>,
}

/// What must happen after a publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Published {
    pub(super) mark: Progress,
    /// Whether a repair must be started: there is a gap, and no repair is in flight.
    pub(super) start_repair: bool,
}

impl Topic {
    pub(super) fn new(id: AuctionId, tracer: Tracer, counts: Arc<BrokerCounts>) -> Self {
        let state = State {
            sequencer: Sequencer::new(limits::TOPIC_EARLY_MAX),
            released: None,
            held: None,
            backlog: VecDeque::new(),
            missing_ranges: BTreeMap::new(),
            repairing: false,
            idle_since: Instant::now(),
            heard: Instant::now(),
            active: None,
        };
        Self {
            id,
            tracer,
            counts,
            state: Mutex::new(state),
            mark: watch::Sender::new(Progress::default()),
            started: OnceCell::new(),
            readers: AtomicUsize::new(0),
            warming: tokio::sync::Mutex::new(()),
        }
    }

    /// The auction.
    pub fn id(&self) -> &AuctionId {
        &self.id
    }

    /// The progress of the topic; the receiver wakes when that changes.
    pub fn progress_updates(&self) -> watch::Receiver<Progress> {
        self.mark.subscribe()
    }

    /// The current progress of the topic.
    pub fn mark(&self) -> Progress {
        *self.mark.borrow()
    }

    /// The latest state whose bids have all been published.
    pub fn auction(&self) -> Option<Arc<Auction>> {
        self.state.lock().released.clone()
    }

    /// Published bids after a sequence, at most `max`; `None` if the first of them is not in the
    /// backlog.
    pub fn recent_after(&self, after: u64, max: usize) -> Option<Vec<Arc<PublishedBid>>> {
        let state = self.state.lock();
        let position = state.sequencer.position()?;
        if after >= position {
            return Some(Vec::new());
        }
        let oldest = state.backlog.front()?.bid.sequence;
        let skip = usize::try_from((after + 1).checked_sub(oldest)?).ok()?;
        Some(state.backlog.iter().skip(skip).take(max).cloned().collect())
    }

    /// Attaches a reader; the topic lives at least until the guard is dropped.
    pub fn attach(self: &Arc<Self>) -> Reader {
        self.readers.fetch_add(1, Ordering::AcqRel);
        Reader { topic: Arc::clone(self) }
    }

    /// For how long it has had no reader; `None` while it has one.
    pub(super) fn idle_for(&self, now: Instant) -> Option<Duration> {
        let idle_since = self.state.lock().idle_since;
        (self.readers.load(Ordering::Acquire) == 0)
            .then(|| now.saturating_duration_since(idle_since))
    }

    /// Decides whether the topic is read while the stream shows nothing; `None` if it has not
    /// started, has ended or has no reader.
    pub(super) fn watched(&self) -> Option<Watched> {
        self.started.get()?;
        if self.mark().ended || self.readers.load(Ordering::Acquire) == 0 {
            return None;
        }
        let state = self.state.lock();
        Some(Watched { id: self.id.clone(), heard: state.heard, active: state.active })
    }

    /// The topic was read from the table, or that failed: the next read is due only after a while.
    pub(super) fn heard(&self, now: Instant) {
        self.state.lock().heard = now;
    }

    /// Sets the position from the first consistent read.
    pub(super) fn start(&self, auction: Auction, now: Instant) -> Published {
        let mut state = self.state.lock();
        let emitted = state.sequencer.start(auction.sequence, now);
        publish(&mut state, emitted, &self.tracer, &self.counts);
        hold(&mut state, auction, now);
        self.release(&mut state, now)
    }

    /// Takes an event from any source.
    pub(super) fn publish(&self, envelope: Envelope, now: Instant) -> Published {
        let mut state = self.state.lock();
        state.heard = now;
        match envelope.event {
            Event::Bid(ref bid) => {
                let sequence = bid.sequence;
                if let Some(after) = hole_of(&state.missing_ranges, sequence) {
                    error!(auction.id = %self.id, sequence, "a bid arrived after it was given up");
                    state.missing_ranges.remove(&after);
                }
                let emitted = state.sequencer.offer(sequence, envelope, now);
                if !emitted.is_empty() {
                    state.active = Some(now);
                }
                publish(&mut state, emitted, &self.tracer, &self.counts);
            }
            Event::State(auction) => hold(&mut state, auction, now),
        }
        self.release(&mut state, now)
    }

    /// The sequence after which to read from the table, and the one that the auction counts up to.
    /// `None`: nothing is missing any more, and the repair has ended.
    pub(super) fn next_repair(&self, now: Instant) -> Option<(u64, u64)> {
        let mut state = self.state.lock();
        let gap = state.sequencer.gap(Duration::ZERO, now);
        state.repairing = gap.is_some();
        gap.map(|after| (after, state.sequencer.counted()))
    }

    /// The end of a missing range that begins after a sequence.
    pub fn missing_after(&self, after: u64) -> Option<u64> {
        let state = self.state.lock();
        let begins = hole_of(&state.missing_ranges, after + 1)?;
        state.missing_ranges.get(&begins).copied()
    }

    /// Whether a bid is in a missing range.
    pub(super) fn is_hole(&self, sequence: u64) -> bool {
        hole_of(&self.state.lock().missing_ranges, sequence).is_some()
    }

    /// Records a missing range.
    pub(super) fn note_hole(&self, after: u64, to: u64) {
        note_hole(&mut self.state.lock(), after, to);
    }

    /// Gives up on the missing bids after the position, up to `to` and to the auction's count: they
    /// were deleted from the table before they were published. Returns the last of them; `None` if
    /// there are none.
    pub(super) fn give_up(&self, after: u64, to: u64, now: Instant) -> Option<(u64, Published)> {
        let mut state = self.state.lock();
        if state.sequencer.position() != Some(after) {
            return None;
        }
        let emitted = state.sequencer.give_up(to, now);
        let last = emitted.len() as u64;
        let to = state.sequencer.position()?.saturating_sub(last);
        if to == after {
            return None;
        }
        note_hole(&mut state, after, to);
        // The backlog is contiguous.
        state.backlog.clear();
        publish(&mut state, emitted, &self.tracer, &self.counts);
        Some((to, self.release(&mut state, now)))
    }

    /// Prepends older bids to the backlog, if they join it without a gap.
    pub(super) fn prepend(&self, older: Vec<PublishedBid>) {
        let mut state = self.state.lock();
        for bid in older.into_iter().rev() {
            let before = match state.backlog.front() {
                Some(oldest) => oldest.bid.sequence,
                None => state.sequencer.position().unwrap_or(0) + 1,
            };
            if bid.bid.sequence + 1 == before && state.backlog.len() < limits::TOPIC_BACKLOG_MAX {
                state.backlog.push_front(Arc::new(bid));
            }
        }
    }

    /// The sequence of the oldest bid in the backlog, or of the next one if it is empty, and
    /// whether there is room for older ones.
    pub(super) fn oldest(&self) -> (u64, usize) {
        let state = self.state.lock();
        let oldest = match state.backlog.front() {
            Some(bid) => bid.bid.sequence,
            None => state.sequencer.position().unwrap_or(0) + 1,
        };
        (oldest, limits::TOPIC_BACKLOG_MAX - state.backlog.len())
    }

    fn release(&self, state: &mut State, now: Instant) -> Published {
        let position = state.sequencer.position();
        if let (Some(position), Some(held)) = (position, &state.held)
            && position >= held.sequence
        {
            state.released = state.held.take().map(Arc::new);
        }
        let mark = Progress {
            position: position.unwrap_or(0),
            version: state.released.as_ref().map_or(0, |auction| auction.version),
            ended: state.released.as_ref().is_some_and(|auction| auction.status.is_final()),
        };
        // Under the lock, so that progress never goes back.
        self.mark.send_if_modified(|current| {
            let changed = *current != mark;
            *current = mark;
            changed
        });
        let gap = state.sequencer.gap(Duration::ZERO, now).is_some();
        let start_repair = gap && !state.repairing;
        state.repairing |= start_repair;
        Published { mark, start_repair }
    }
}

/// The start of the missing range that contains a bid.
fn hole_of(missing_ranges: &BTreeMap<u64, u64>, sequence: u64) -> Option<u64> {
    let (after, to) = missing_ranges.range(..sequence).next_back()?;
    (*to >= sequence).then_some(*after)
}

fn note_hole(state: &mut State, after: u64, to: u64) {
    if state.missing_ranges.len() >= limits::TOPIC_MISSING_MAX {
        state.missing_ranges.pop_first();
    }
    state.missing_ranges.insert(after, to);
}

/// Publishes bids that leave the sequencer.
fn publish(state: &mut State, emitted: Vec<Envelope>, tracer: &Tracer, counts: &BrokerCounts) {
    let published_at = clock::now();
    for envelope in emitted {
        let Envelope { event: Event::Bid(bid), written_at, read_at, source } = envelope else {
            continue;
        };
        let mut published =
            PublishedBid { bid, written_at, read_at, published_at, source, trace: None };
        published.trace = trace::published(tracer, &published);
        counts.published(&published);
        if state.backlog.len() >= limits::TOPIC_BACKLOG_MAX {
            state.backlog.pop_front();
        }
        state.backlog.push_back(Arc::new(published));
    }
}

/// Keeps a state until its bids are published; of several, only the newest is kept.
fn hold(state: &mut State, auction: Auction, now: Instant) {
    state.sequencer.committed_up_to(auction.sequence, now);
    let newest = [state.held.as_ref(), state.released.as_deref()]
        .into_iter()
        .flatten()
        .map(|auction| auction.version)
        .max();
    if newest.is_none_or(|newest| auction.version > newest) {
        state.held = Some(auction);
    }
}

/// An attached reader of a topic.
#[derive(Debug)]
pub struct Reader {
    topic: Arc<Topic>,
}

impl std::ops::Deref for Reader {
    type Target = Arc<Topic>;

    fn deref(&self) -> &Arc<Topic> {
        &self.topic
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.topic.state.lock().idle_since = Instant::now();
        self.topic.readers.fetch_sub(1, Ordering::AcqRel);
    }
}
