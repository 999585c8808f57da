//! Seeded randomness: one seed gives one run, on every machine.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A stream of random numbers for `purpose`, apart from those of other purposes.
pub(crate) fn stream(seed: u64, purpose: &str) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(mix(&[seed, hash(purpose.as_bytes())]))
}

/// A random number generator that depends on `key` alone.
pub(crate) fn keyed(key: &[u64]) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(mix(key))
}

/// A sample of the standard normal distribution (Box-Muller).
pub(crate) fn normal(random: &mut impl Rng) -> f64 {
    // 1 - [0, 1) is never 0, whose logarithm is infinite.
    let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.random::<f64>()).cos()
}

/// FNV-1a, mixed: near keys lie far apart. Stable for ever, unlike the standard
/// library's hasher.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    mix(&[bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })])
}

fn mix(key: &[u64]) -> u64 {
    key.iter().fold(0xcbf2_9ce4_8422_2325, |state, part| {
        // The finalizer of SplitMix64, so that near keys give far seeds.
        let mut word = state ^ part.wrapping_add(0x9e37_79b9_7f4a_7c15);
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_and_another_purpose_gives_others() {
        let draw = |seed, purpose| stream(seed, purpose).random::<u64>();
        assert_eq!(draw(7, "faults"), draw(7, "faults"));
        assert_ne!(draw(7, "faults"), draw(7, "latency"));
        assert_ne!(draw(7, "faults"), draw(8, "faults"));
    }

    #[test]
    fn the_normal_distribution_has_mean_0_and_deviation_1() {
        let mut random = stream(1, "test");
        let samples: Vec<f64> = (0..20_000).map(|_| normal(&mut random)).collect();
        let mean = samples.iter().sum::<f64>() / 20_000.0;
        let variance = samples.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }
}
