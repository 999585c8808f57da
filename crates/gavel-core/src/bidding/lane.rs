//! One lane: the one writer of an auction in this process.
//!
//! It drains its queue, plans a group on the last committed state, writes it in one transaction
//! while the next group queues up, and answers. No artificial delay.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::mpsc;
use tracing::debug;

use super::command::{BidAnswer, Command, Committed, LaneError, answer};
use super::commit::{Outcome, pause, send};
use super::counts::LaneCounts;
use super::group::{GroupBounds, Intent, Plan, Verdict, plan};
use super::lanes::LaneSettings;
use super::notifier::CommitNotifier;
use super::recent::{RecentBid, RecentKeys};
use super::reject::{Rejected, Rejector, Repeat, repeated};
use crate::auction::{Auction, AuctionId, Timestamp, UserId};
use crate::store::{KeyRecord, NewBid, StoredBid, Table, Transaction};
use crate::{clock, limits};

/// A lane between groups.
#[derive(Debug)]
pub(super) struct Lane<T> {
    id: AuctionId,
    table: Arc<T>,
    notifier: CommitNotifier<T>,
    bids_max: usize,
    /// Bidders that are recorded as such. `None`: bidders are not recorded.
    bidders: Option<HashSet<UserId>>,
    /// What this lane last read or wrote; `None` when it must read.
    committed: Option<Auction>,
    recent: RecentKeys,
    counts: Arc<LaneCounts>,
}

/// The commands of a group that are not answered yet, in order, with what was planned for each.
type Planned = Vec<(Verdict, Command)>;

/// What one group leaves to the next.
#[derive(Default)]
struct Rest {
    commands: Vec<Command>,
    /// Whether `committed` is as current as a consistent read made now.
    fresh: bool,
    /// Whether another server wrote first.
    conflict: bool,
}

impl<T: Table> Lane<T> {
    pub(super) fn new(
        id: AuctionId,
        table: Arc<T>,
        notifier: CommitNotifier<T>,
        settings: &LaneSettings,
        counts: Arc<LaneCounts>,
    ) -> Self {
        let (recent, committed) = (RecentKeys::default(), None);
        let bids_max = settings.group_commit_max;
        let bidders = settings.standings.then(HashSet::new);
        Self { id, table, notifier, bids_max, bidders, committed, recent, counts }
    }

    /// Whether this lane may have more to write: it knows the auction's state, and that is not
    /// final.
    pub(super) fn is_of_use(&self) -> bool {
        self.committed.as_ref().is_some_and(|auction| !auction.status.is_final())
    }

    /// Works until all these commands, and those that arrive meanwhile, are answered.
    pub(super) async fn work(&mut self, batch: Vec<Command>, queue: &mut mpsc::Receiver<Command>) {
        let mut rest = Rest { commands: batch, ..Rest::default() };
        let mut conflicts = 0;
        loop {
            rest.commands = self.answer_known(rest.commands);
            if rest.commands.is_empty() {
                return;
            }
            conflicts = if rest.conflict { conflicts + 1 } else { 0 };
            if conflicts >= limits::CONFLICT_TRIES_MAX {
                self.refuser().give_up(rest.commands, &LaneError::Contention).await;
                return;
            }
            if rest.conflict {
                pause(conflicts).await;
            }
            rest = self.group(rest.commands, rest.fresh).await;
            while rest.commands.len() < limits::LANE_QUEUE_MAX
                && let Ok(command) = queue.try_recv()
            {
                rest.commands.push(command);
                // It arrived after the read that the answer to a conflict relies on.
                rest.fresh = false;
            }
        }
    }

    /// Answers repeats of recent bids, and bids that have waited too long.
    fn answer_known(&self, commands: Vec<Command>) -> Vec<Command> {
        let now = clock::now();
        let mut left = Vec::with_capacity(commands.len());
        for command in commands {
            let Command::Bid(bid, reply) = command else {
                left.push(command);
                continue;
            };
            if let Some(known) = bid.key.as_ref().and_then(|key| self.recent.get(key)) {
                answer(reply, repeated(known.stored.clone(), known.committed_at, &bid));
            } else if now.since(bid.request.received_at) > limits::BID_WAIT_MAX {
                Command::Bid(bid, reply).fail(LaneError::StoreUnavailable);
            } else {
                left.push(Command::Bid(bid, reply));
            }
        }
        left
    }

    /// Decides one group and writes it.
    async fn group(&mut self, commands: Vec<Command>, mut fresh: bool) -> Rest {
        loop {
            let Some(committed) = self.committed.clone() else {
                match self.refuser().load(&commands).await {
                    Ok(auction) => self.committed = Some(auction),
                    Err(error) => {
                        commands.into_iter().for_each(|command| command.fail(error.clone()));
                        return Rest::default();
                    }
                }
                fresh = true;
                continue;
            };
            let intents: Vec<Intent<'_>> = commands
                .iter()
                .map(|command| match command {
                    Command::Bid(bid, _) => Intent::Bid(bid),
                    Command::Transition(transition, _) => Intent::Transition(*transition),
                })
                .collect();
            let newcomers_max = limits::GROUP_NEWCOMERS_MAX;
            let bounds = GroupBounds {
                bids_max: self.bids_max,
                newcomers: self.bidders.as_ref().map(|bidders| (newcomers_max, bidders)),
            };
            let plan = plan(&committed, &intents, &bounds, clock::now());
            if plan.needs_read() && !fresh {
                self.committed = None;
                continue;
            }
            return self.carry_out(plan, commands, &committed).await;
        }
    }

    async fn carry_out(&mut self, plan: Plan, commands: Vec<Command>, committed: &Auction) -> Rest {
        let Plan { verdicts, next, newcomers } = plan;
        let Sorted { rejected_now, repeats, planned } = Sorted::of(verdicts, commands);
        let Some(next) = next else {
            let refuser = self.refuser();
            tokio::join!(
                refuser.reject(rejected_now, committed),
                refuser.repeat_lead(repeats, committed)
            );
            return self.settle(planned, committed).await;
        };
        let transaction = seal(committed, next, newcomers, &planned);
        let version = transaction.auction.version;
        self.notifier.before(&self.id, version);
        let commit = async {
            let outcome = send(&*self.table, &transaction, &self.counts).await;
            let committed_at = clock::now();
            match outcome {
                Outcome::Committed => self.notifier.committed(&transaction, committed_at),
                // The write may still appear: the demand remains until it expires and leads to a
                // repair.
                Outcome::Unknown => {}
                _ => self.notifier.not_written(&self.id, version),
            }
            (outcome, committed_at)
        };
        let refuser = self.refuser();
        let ((outcome, committed_at), ..) = tokio::join!(
            commit,
            refuser.reject(rejected_now, committed),
            refuser.repeat_lead(repeats, committed)
        );
        self.finish(outcome, transaction, committed_at, planned).await
    }

    /// Answers a group whose transaction has ended.
    async fn finish(
        &mut self,
        outcome: Outcome,
        written: Transaction,
        committed_at: Timestamp,
        planned: Planned,
    ) -> Rest {
        match outcome {
            Outcome::Committed => {
                self.committed = Some(written.auction.clone());
                self.counts.committed(&written, committed_at);
                self.remember(&written, committed_at);
                let left = answer_accepted(planned, written.written_at, committed_at);
                self.settle(left, &written.auction).await
            }
            Outcome::VersionTaken(current) => {
                debug!(auction.id = %self.id, version = current.version, "another server wrote");
                self.committed = Some(*current);
                Rest { commands: commands_of(planned), fresh: true, conflict: true }
            }
            Outcome::KeysTaken(taken) => {
                let commands = self.answer_taken(&taken, &written, planned).await;
                Rest { commands, ..Rest::default() }
            }
            Outcome::Unavailable => {
                let commands = commands_of(planned);
                self.refuser().give_up(commands, &LaneError::StoreUnavailable).await;
                Rest::default()
            }
            Outcome::Unknown => {
                self.committed = None;
                Rest { commands: fail_written(planned), ..Rest::default() }
            }
            Outcome::Impossible => {
                self.committed = None;
                commands_of(planned).into_iter().for_each(|c| c.fail(LaneError::Internal));
                Rest::default()
            }
        }
    }

    /// Answers what `proven` decides: a state known to have been current when it was written or
    /// read.
    async fn settle(&self, planned: Planned, proven: &Auction) -> Rest {
        let mut rejected = Vec::new();
        let mut waiting = Vec::new();
        for (verdict, command) in planned {
            match (verdict, command) {
                (Verdict::RefuseOnCommit(code), Command::Bid(bid, reply)) => {
                    rejected.push(Rejected { code, bid, reply });
                }
                (Verdict::Apply | Verdict::Unchanged, Command::Transition(_, reply)) => {
                    answer(reply, Ok(proven.clone()));
                }
                (Verdict::RefuseTransition(error), Command::Transition(_, reply)) => {
                    answer(reply, Err(error.into()));
                }
                // A repeat is answered from the recent keys in the next round.
                (_, command) => waiting.push(command),
            }
        }
        self.refuser().reject(rejected, proven).await;
        Rest { commands: waiting, ..Rest::default() }
    }

    /// Answers bids whose keys exist in the table; the others are sent again under a new token.
    async fn answer_taken(
        &self,
        taken: &[(usize, KeyRecord)],
        written: &Transaction,
        planned: Planned,
    ) -> Vec<Command> {
        let record_of = |accepted: &Verdict| {
            let Verdict::Accept(bid) = accepted else { return None };
            let is_it = |(at, _): &&(usize, KeyRecord)| written.bids[*at].bid.id == bid.id;
            taken.iter().find(is_it).map(|(_, record)| record)
        };
        let mut left = Vec::with_capacity(planned.len());
        for (verdict, command) in planned {
            match (record_of(&verdict), command) {
                (Some(record), Command::Bid(bid, reply)) => {
                    answer(reply, self.refuser().previous_answer(record, &bid).await);
                }
                (_, command) => left.push(command),
            }
        }
        left
    }

    fn remember(&mut self, written: &Transaction, committed_at: Timestamp) {
        if let Some(bidders) = &mut self.bidders {
            if bidders.len() >= limits::LANE_BIDDERS_MAX {
                // They are recorded once more, which changes nothing.
                bidders.clear();
            }
            bidders.extend(written.newcomers.iter().cloned());
        }
        for new in &written.bids {
            if let Some(key) = &new.key {
                let stored = StoredBid { bid: new.bid.clone(), written_at: written.written_at };
                self.recent.insert(key.clone(), RecentBid { stored, committed_at });
            }
        }
    }

    fn refuser(&self) -> Rejector<'_, T> {
        Rejector { id: &self.id, table: &*self.table }
    }
}

fn seal(
    committed: &Auction,
    next: Auction,
    newcomers: Vec<UserId>,
    planned: &Planned,
) -> Transaction {
    let bids = planned.iter().filter_map(|(verdict, command)| match (verdict, command) {
        (Verdict::Accept(accepted), Command::Bid(bid, _)) => {
            Some(NewBid { bid: accepted.clone(), key: bid.key.clone() })
        }
        _ => None,
    });
    Transaction {
        token: format!("{:032x}", rand::random::<u128>()),
        expected_version: committed.version,
        auction: next,
        bids: bids.collect(),
        newcomers,
        written_at: clock::now(),
    }
}

/// A group's commands, sorted by when they are answered.
#[derive(Default)]
struct Sorted {
    rejected_now: Vec<Rejected>,
    /// Bids that repeat the leader's committed bid.
    repeats: Vec<Repeat>,
    planned: Planned,
}

impl Sorted {
    fn of(verdicts: Vec<Verdict>, commands: Vec<Command>) -> Self {
        let mut sorted = Self { planned: Vec::with_capacity(commands.len()), ..Self::default() };
        for entry in verdicts.into_iter().zip(commands) {
            match entry {
                (Verdict::RefuseNow(code), Command::Bid(bid, reply)) => {
                    sorted.rejected_now.push(Rejected { code, bid, reply });
                }
                (Verdict::RepeatLead, Command::Bid(bid, reply)) => {
                    sorted.repeats.push(Repeat { bid, reply });
                }
                entry => sorted.planned.push(entry),
            }
        }
        sorted
    }
}

/// Answers the bids that were written, and their repeats; returns the rest.
fn answer_accepted(planned: Planned, written_at: Timestamp, committed_at: Timestamp) -> Planned {
    let mut left = Vec::new();
    let traces = planned.iter().filter_map(|(verdict, command)| match (verdict, command) {
        (Verdict::Accept(_), Command::Bid(bid, _)) => Some(bid.trace),
        _ => None,
    });
    let group = Committed::of(traces);
    for entry in planned {
        match entry {
            (Verdict::Accept(bid), Command::Bid(_, reply)) => {
                let stored = StoredBid { bid, written_at };
                let group = Some(group.clone());
                let accepted = BidAnswer::Accepted { stored, repeated: false, committed_at, group };
                answer(reply, Ok(accepted));
            }
            (Verdict::Again(bid), Command::Bid(asked, reply)) => {
                answer(reply, repeated(StoredBid { bid, written_at }, committed_at, &asked));
            }
            entry => left.push(entry),
        }
    }
    left
}

/// Fails the bids that may have been written, and their repeats; the rest is decided again.
fn fail_written(planned: Planned) -> Vec<Command> {
    let mut left = Vec::new();
    for (verdict, command) in planned {
        match verdict {
            // A repeat has waited so long that a further round could only call it unwritten.
            Verdict::Accept(_) | Verdict::Again(_) | Verdict::Apply | Verdict::RepeatOf(_) => {
                command.fail(LaneError::OutcomeUnknown);
            }
            _ => left.push(command),
        }
    }
    left
}

fn commands_of(planned: Planned) -> Vec<Command> {
    planned.into_iter().map(|(_, command)| command).collect()
}
