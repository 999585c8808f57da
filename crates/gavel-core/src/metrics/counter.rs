//! Counters and gauges: one relaxed atomic each.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

/// A counter: how often something has happened.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub fn inc(&self) {
        self.add(1);
    }

    /// Adds `count`.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Relaxed);
    }

    /// The current count.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A gauge: how much of something there is now.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// Adds a change, which may be negative.
    pub fn add(&self, change: i64) {
        self.0.fetch_add(change, Relaxed);
    }

    /// Sets the value.
    pub fn set(&self, value: i64) {
        self.0.store(value, Relaxed);
    }

    /// The current value.
    pub fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// A part of a gauge, which is taken off when this is dropped.
#[derive(Debug)]
pub struct GaugeGuard {
    level: Arc<Gauge>,
    part: i64,
}

impl GaugeGuard {
    /// A part that is zero.
    pub fn new(level: Arc<Gauge>) -> Self {
        Self { level, part: 0 }
    }

    /// A part that is one.
    pub fn one(level: Arc<Gauge>) -> Self {
        let mut held = Self::new(level);
        held.set(1);
        held
    }

    /// Sets the part.
    pub fn set(&mut self, part: usize) {
        let part = i64::try_from(part).unwrap_or(i64::MAX);
        if part != self.part {
            self.level.add(part - self.part);
            self.part = part;
        }
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// The values of a label.
pub trait Label: Copy + PartialEq + 'static {
    /// Every value.
    const ALL: &'static [Self];

    /// The text of the value in a scrape.
    fn label(self) -> &'static str;
}

/// A counter for each value of a label.
#[derive(Debug)]
pub struct CounterVec<L> {
    counters: Box<[Counter]>,
    of: PhantomData<L>,
}

impl<L: Label> Default for CounterVec<L> {
    fn default() -> Self {
        Self { counters: L::ALL.iter().map(|_| Counter::default()).collect(), of: PhantomData }
    }
}

impl<L: Label> CounterVec<L> {
    /// The counter of a value.
    pub fn of(&self, value: L) -> &Counter {
        let at = L::ALL.iter().position(|other| *other == value);
        &self.counters[at.expect("a label's list has all of its values")]
    }

    /// Adds one to the counter of a value.
    pub fn inc(&self, value: L) {
        self.of(value).inc();
    }

    /// Each value and its count.
    pub fn each(&self) -> impl Iterator<Item = (&'static str, u64)> {
        L::ALL.iter().zip(&self.counters).map(|(value, counter)| (value.label(), counter.get()))
    }
}

/// Declares the values of a label: each a variant, its documentation, and its text in a scrape.
#[macro_export]
macro_rules! labels {
    ($(#[$about:meta])* $vis:vis $name:ident { $($(#[$doc:meta])* $value:ident = $text:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $vis enum $name {
            $($(#[$doc])* $value,)+
        }

        impl $crate::metrics::Label for $name {
            const ALL: &'static [Self] = &[$(Self::$value,)+];

            fn label(self) -> &'static str {
                match self {
                    $(Self::$value => $text,)+
                }
            }
        }
    };
}
#[cfg(test)]
mod tests {
    use super::*;

    labels! {
        /// A fruit.
        Fruit {
            /// Red.
            Apple = "apple",
            /// Green.
            Pear = "pear",
        }
    }

    #[test]
    fn each_value_of_a_label_has_a_count_of_its_own_and_is_told_at_zero() {
        let counts = CounterVec::<Fruit>::default();
        counts.inc(Fruit::Pear);
        assert_eq!(counts.each().collect::<Vec<_>>(), [("apple", 0), ("pear", 1)]);
    }

    #[test]
    fn what_is_held_of_a_level_goes_when_its_holder_does() {
        let level = Arc::new(Gauge::default());
        let mut held = GaugeGuard::one(Arc::clone(&level));
        let other = GaugeGuard::one(Arc::clone(&level));
        held.set(5);
        assert_eq!(level.get(), 6);
        drop(held);
        assert_eq!(level.get(), 1);
        drop(other);
        assert_eq!(level.get(), 0);
    }
}
