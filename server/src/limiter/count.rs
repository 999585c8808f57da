//! Counts how many of something each key holds.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;

/// Counts what each key holds. Clones share it. It has an entry only for keys that hold something.
#[derive(Debug)]
pub struct Counts<K: Hash + Eq> {
    max: usize,
    counts: Arc<Mutex<HashMap<K, usize>>>,
}

/// A permit; dropping it releases it.
#[derive(Debug)]
pub struct Permit<K: Hash + Eq> {
    key: Option<K>,
    amount: usize,
    counts: Arc<Mutex<HashMap<K, usize>>>,
}

impl<K: Hash + Eq + Clone> Counts<K> {
    /// At most `max` per key; 0 for no limit.
    pub fn new(max: usize) -> Self {
        Self { max, counts: Arc::default() }
    }

    /// Takes one more for a key. `None`: the key has reached its limit.
    pub fn take(&self, key: &K) -> Option<Permit<K>> {
        self.take_many(key, 1)
    }

    /// Takes `amount` for a key. `None`: it would exceed the limit of the key.
    pub fn take_many(&self, key: &K, amount: usize) -> Option<Permit<K>> {
        if self.max == 0 {
            return Some(Permit { key: None, amount, counts: Arc::clone(&self.counts) });
        }
        let mut held = self.counts.lock();
        let count = held.get(key).copied().unwrap_or_default();
        if amount > self.max.saturating_sub(count) {
            return None;
        }
        held.insert(key.clone(), count + amount);
        Some(Permit { key: Some(key.clone()), amount, counts: Arc::clone(&self.counts) })
    }
}

impl<K: Hash + Eq> Permit<K> {
    /// Releases all but `amount`.
    pub fn shrink_to(&mut self, amount: usize) {
        let back = self.amount.saturating_sub(amount);
        self.give_back(back);
        self.amount -= back;
    }

    fn give_back(&self, amount: usize) {
        let Some(key) = &self.key else { return };
        let mut held = self.counts.lock();
        if let Some(count) = held.get_mut(key) {
            *count -= amount;
            if *count == 0 {
                held.remove(key);
            }
        }
    }
}

impl<K: Hash + Eq> Drop for Permit<K> {
    fn drop(&mut self) {
        self.give_back(self.amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_holds_as_many_as_it_may_and_gets_back_what_it_drops() {
        let counts = Counts::new(2);
        let first = counts.take(&"ann");
        let second = counts.take(&"ann");
        assert!(first.is_some() && second.is_some());
        assert!(counts.take(&"ann").is_none());
        let bob = counts.take(&"bob");
        assert!(bob.is_some(), "each key has its own");
        drop(first);
        assert!(counts.take(&"ann").is_some());
        drop((second, bob));
        assert!(counts.counts.lock().is_empty(), "nothing is kept of a key that holds nothing");
    }

    #[test]
    fn many_are_held_and_given_back_together_or_in_part() {
        let counts = Counts::new(10);
        let mut held = counts.take_many(&"ann", 8).unwrap();
        assert!(counts.take_many(&"ann", 3).is_none());
        held.shrink_to(5);
        held.shrink_to(7);
        let more = counts.take_many(&"ann", 5);
        assert!(more.is_some() && counts.take(&"ann").is_none());
        assert!(counts.take_many(&"bob", 11).is_none(), "more than anybody may");
        drop((held, more));
        assert!(counts.counts.lock().is_empty());
    }

    #[test]
    fn zero_is_no_limit() {
        let counts = Counts::new(0);
        let held: Vec<_> = (0..1000).map(|_| counts.take(&1)).collect();
        assert!(held.iter().all(Option::is_some));
    }
}
