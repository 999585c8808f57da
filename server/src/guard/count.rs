//! How many of something a key holds at a time.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;

/// Counts what each key holds. Clones share it. It has as many entries as things are held.
#[derive(Debug)]
pub struct Counts<K: Hash + Eq> {
    max: usize,
    held: Arc<Mutex<HashMap<K, usize>>>,
}

/// One thing held; dropping it gives it back.
#[derive(Debug)]
pub struct Held<K: Hash + Eq> {
    key: Option<K>,
    held: Arc<Mutex<HashMap<K, usize>>>,
}

impl<K: Hash + Eq + Clone> Counts<K> {
    /// At most so many a key; 0 for no limit.
    pub fn new(max: usize) -> Self {
        Self { max, held: Arc::default() }
    }

    /// Takes one more for a key. `None`: it holds as many as it may.
    pub fn take(&self, key: &K) -> Option<Held<K>> {
        if self.max == 0 {
            return Some(Held { key: None, held: Arc::clone(&self.held) });
        }
        let mut held = self.held.lock();
        let count = held.entry(key.clone()).or_default();
        if *count >= self.max {
            return None;
        }
        *count += 1;
        Some(Held { key: Some(key.clone()), held: Arc::clone(&self.held) })
    }
}

impl<K: Hash + Eq> Drop for Held<K> {
    fn drop(&mut self) {
        let Some(key) = &self.key else { return };
        let mut held = self.held.lock();
        if let Some(count) = held.get_mut(key) {
            *count -= 1;
            if *count == 0 {
                held.remove(key);
            }
        }
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
        assert!(counts.held.lock().is_empty(), "nothing is kept of a key that holds nothing");
    }

    #[test]
    fn zero_is_no_limit() {
        let counts = Counts::new(0);
        let held: Vec<_> = (0..1000).map(|_| counts.take(&1)).collect();
        assert!(held.iter().all(Option::is_some));
    }
}
