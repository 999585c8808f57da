//! Where subscriptions that were cut are resumed: a client that sends `start` again with the same id
//! and the same request gets what it missed. Pure; time is an argument.
//!
//! Only what a client is known to have received counts: all that was written before a ping that it has
//! answered. What was written after that is sent again, at least once.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use gavel_core::auction::UserId;
use parking_lot::Mutex;

use crate::graphql::Operation;
use crate::limits;

/// No position.
const NONE: u64 = u64::MAX;

/// How far a subscription has been delivered.
#[derive(Debug)]
pub struct Delivered {
    /// Where it began.
    begun: AtomicU64,
    /// The last number written before the ping that is not answered yet.
    pinged: AtomicU64,
    /// The last number that its client has received for certain.
    confirmed: AtomicU64,
}

impl Default for Delivered {
    fn default() -> Self {
        Self { begun: NONE.into(), pinged: NONE.into(), confirmed: NONE.into() }
    }
}

impl Delivered {
    /// It begins after a number; only the first one counts.
    pub fn begins(&self, number: u64) {
        // Failed: it has begun already.
        self.begun.compare_exchange(NONE, number, Ordering::Relaxed, Ordering::Relaxed).ok();
    }

    /// A ping follows all frames up to this number.
    pub fn pinged(&self, last: u64) {
        if self.begun.load(Ordering::Relaxed) != NONE {
            self.pinged.store(last, Ordering::Relaxed);
        }
    }

    /// The ping was answered.
    pub fn confirmed(&self) {
        self.confirmed.store(self.pinged.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Where it is resumed. `None`: it has no position, because it never began or has no history.
    pub fn position(&self) -> Option<u64> {
        let known =
            |number: &AtomicU64| Some(number.load(Ordering::Relaxed)).filter(|n| *n != NONE);
        known(&self.confirmed).or_else(|| known(&self.begun))
    }
}

/// A subscription as its client can name it again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ResumeKey {
    user_id: Option<UserId>,
    id: Arc<str>,
    request: u64,
}

#[derive(Debug)]
struct Entry {
    delivered: Arc<Delivered>,
    cut_at: Option<Instant>,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<ResumeKey, Entry>,
    /// Those that were cut, oldest first; some have been resumed since.
    cut: VecDeque<(Instant, ResumeKey)>,
}

/// The subscriptions that can be resumed: those that run, and for some minutes those that were cut.
#[derive(Debug, Default)]
pub struct Resumes {
    state: Mutex<State>,
    hasher: RandomState,
}

impl Resumes {
    /// The key of a subscription.
    pub fn key(&self, user_id: Option<&UserId>, id: &Arc<str>, operation: &Operation) -> ResumeKey {
        let variables = operation.variables.as_ref().map(|variables| variables.get());
        let request = (&operation.query, &operation.operation_name, variables);
        ResumeKey {
            user_id: user_id.cloned(),
            id: Arc::clone(id),
            request: self.hasher.hash_one(request),
        }
    }

    /// A subscription starts. Returns where the one before it with the same key is resumed, whether it
    /// was cut or its socket is not known to be dead yet.
    pub fn start(&self, key: &ResumeKey, delivered: &Arc<Delivered>, now: Instant) -> Option<u64> {
        let mut state = self.state.lock();
        state.forget_old(now);
        let entry = Entry { delivered: Arc::clone(delivered), cut_at: None };
        let before = state.entries.insert(key.clone(), entry)?;
        before.delivered.position()
    }

    /// The socket of a subscription has ended.
    pub fn cut(&self, key: &ResumeKey, delivered: &Arc<Delivered>, now: Instant) {
        let mut state = self.state.lock();
        state.forget_old(now);
        let Some(entry) = state.entries.get_mut(key) else { return };
        if !Arc::ptr_eq(&entry.delivered, delivered) {
            return;
        }
        if delivered.position().is_none() {
            state.entries.remove(key);
            return;
        }
        entry.cut_at = Some(now);
        state.cut.push_back((now, key.clone()));
        if state.cut.len() > limits::RESUMES_MAX {
            state.forget_oldest();
        }
    }

    /// A subscription has ended for good.
    pub fn end(&self, key: &ResumeKey, delivered: &Arc<Delivered>) {
        let mut state = self.state.lock();
        if state.entries.get(key).is_some_and(|of| Arc::ptr_eq(&of.delivered, delivered)) {
            state.entries.remove(key);
        }
    }

    /// How many there are.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.state.lock().entries.len()
    }
}

impl State {
    fn forget_old(&mut self, now: Instant) {
        while let Some((at, _)) = self.cut.front()
            && now.duration_since(*at) > limits::RESUME_FOR
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((at, key)) = self.cut.pop_front() else { return };
        // Resumed and cut again, it has another time, and another entry here.
        if self.entries.get(&key).is_some_and(|entry| entry.cut_at == Some(at)) {
            self.entries.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn operation(query: &str) -> Operation {
        Operation { query: query.to_owned(), ..Operation::default() }
    }

    fn key(resumes: &Resumes, id: &str) -> ResumeKey {
        resumes.key(None, &Arc::from(id), &operation("subscription { a }"))
    }

    fn begun(after: u64) -> Arc<Delivered> {
        let delivered = Delivered::default();
        delivered.begins(after);
        Arc::new(delivered)
    }

    #[test]
    fn it_is_resumed_from_what_its_client_has_surely_received() {
        let (resumes, now) = (Resumes::default(), Instant::now());
        let key = key(&resumes, "a");
        let delivered = begun(7);
        assert_eq!(resumes.start(&key, &delivered, now), None, "the first of its kind");
        assert_eq!(delivered.position(), Some(7));
        delivered.pinged(9);
        assert_eq!(delivered.position(), Some(7), "whether 8 and 9 came is not known");
        delivered.confirmed();
        delivered.pinged(12);
        resumes.cut(&key, &delivered, now);
        let next = begun(20);
        assert_eq!(resumes.start(&key, &next, now), Some(9));
        assert_eq!(resumes.start(&key, &begun(0), now), Some(20), "its socket seems to live");
    }

    #[test]
    fn what_ended_or_is_another_subscription_is_not_resumed() {
        let (resumes, now) = (Resumes::default(), Instant::now());
        let (one, user) = (key(&resumes, "a"), UserId::from("ann".to_owned()));
        let delivered = begun(7);
        resumes.start(&one, &delivered, now);
        let id = Arc::from("a");
        let query = operation("subscription { a }");
        for other in [
            key(&resumes, "b"),
            resumes.key(Some(&user), &id, &query),
            resumes.key(None, &id, &operation("subscription { b }")),
        ] {
            assert_eq!(resumes.start(&other, &begun(1), now), None, "{other:?}");
        }
        resumes.end(&one, &begun(7));
        assert_eq!(resumes.start(&one, &delivered, now), Some(7), "another one has ended");
        resumes.end(&one, &delivered);
        assert_eq!(resumes.start(&one, &begun(7), now), None);
        let never = Arc::new(Delivered::default());
        resumes.start(&one, &never, now);
        resumes.cut(&one, &never, now);
        assert_eq!(resumes.len(), 3, "what has no position is not kept");
    }

    #[test]
    fn they_are_kept_for_some_minutes_and_not_without_end() {
        let (resumes, now) = (Resumes::default(), Instant::now());
        let first = key(&resumes, "first");
        let delivered = begun(1);
        resumes.start(&first, &delivered, now);
        resumes.cut(&first, &delivered, now);
        let late = now + limits::RESUME_FOR + Duration::from_millis(1);
        assert_eq!(resumes.start(&first, &begun(1), late), None);
        for number in 0..=limits::RESUMES_MAX {
            let (key, delivered) = (key(&resumes, &number.to_string()), begun(1));
            resumes.start(&key, &delivered, late);
            resumes.cut(&key, &delivered, late);
        }
        assert_eq!(resumes.len(), limits::RESUMES_MAX + 1, "one of them runs");
        assert_eq!(resumes.start(&key(&resumes, "0"), &begun(1), late), None, "the oldest went");
        assert_eq!(resumes.start(&key(&resumes, "1"), &begun(1), late), Some(1));
    }
}
