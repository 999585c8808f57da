//! Decides which traces are kept: by the parent's decision and by a ratio. Pure.

use crate::Context;

/// Decides whether a trace is kept: the samplers of OTEL_TRACES_SAMPLER.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampler {
    /// Whether the parent's decision counts.
    by_parent: bool,
    /// The share of the others that is kept: 0 to 1.
    ratio: f64,
}

/// A setting that names no known sampler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SamplerError(String);

impl std::fmt::Display for SamplerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for SamplerError {}

impl Sampler {
    /// Keeps every trace.
    pub const ALL: Self = Self { by_parent: false, ratio: 1.0 };

    /// The sampler that the environment names.
    pub fn from_env() -> Result<Self, SamplerError> {
        let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let (name, arg) = (var("OTEL_TRACES_SAMPLER"), var("OTEL_TRACES_SAMPLER_ARG"));
        Self::named(name.as_deref(), arg.as_deref())
    }

    /// The sampler that OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG name; without a name
    /// `parentbased_always_on`.
    pub fn named(name: Option<&str>, arg: Option<&str>) -> Result<Self, SamplerError> {
        let name = name.unwrap_or("parentbased_always_on");
        let (by_parent, kind) = match name.strip_prefix("parentbased_") {
            Some(kind) => (true, kind),
            None => (false, name),
        };
        let ratio = match kind {
            "always_on" => 1.0,
            "always_off" => 0.0,
            "traceidratio" => ratio(arg.unwrap_or("1"))?,
            _ => {
                return Err(SamplerError(format!("OTEL_TRACES_SAMPLER: unknown sampler {name:?}")));
            }
        };
        Ok(Self { by_parent, ratio })
    }

    /// Whether a trace is kept.
    pub fn keeps(self, trace_id: u128, parent: Option<Context>) -> bool {
        match parent {
            Some(parent) if self.by_parent => parent.sampled,
            _ => self.ratio >= 1.0 || uniform(trace_id) < self.ratio,
        }
    }
}

fn ratio(text: &str) -> Result<f64, SamplerError> {
    let ratio: Option<f64> = text.parse().ok();
    ratio.filter(|ratio| (0.0..=1.0).contains(ratio)).ok_or_else(|| {
        SamplerError(format!("OTEL_TRACES_SAMPLER_ARG: {text:?} is not a ratio from 0 to 1"))
    })
}

/// Derives a number in [0, 1) from a trace id, the same everywhere. Mixed (splitmix64), because a
/// client may count its traces instead of drawing them.
fn uniform(trace_id: u128) -> f64 {
    let mut bits = (trace_id as u64) ^ ((trace_id >> 64) as u64).rotate_left(32);
    bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parents_word_counts_only_if_asked_for() {
        let parent = |sampled| Some(Context { trace_id: 1, span_id: 1, sampled });
        let by_parent = Sampler::named(Some("parentbased_traceidratio"), Some("0")).unwrap();
        assert!(by_parent.keeps(1, parent(true)));
        assert!(!by_parent.keeps(1, parent(false)));
        assert!(!by_parent.keeps(1, None));
        let alone = Sampler::named(Some("always_off"), None).unwrap();
        assert!(!alone.keeps(1, parent(true)));
        assert!(Sampler::named(None, None).unwrap().keeps(1, None));
    }

    #[test]
    fn a_ratio_holds_for_counted_traces_too() {
        let sampler = Sampler::named(Some("traceidratio"), Some("0.01")).unwrap();
        let run = 0x1234_5678_9abc_def0_u128 << 64;
        let kept = (0..100_000_u128).filter(|n| sampler.keeps(run | n, None)).count();
        assert!((800..1_200).contains(&kept), "{kept} of 100,000");
    }

    #[test]
    fn a_wrong_setting_is_named() {
        let error = Sampler::named(Some("sometimes"), None).unwrap_err();
        assert!(error.to_string().contains("OTEL_TRACES_SAMPLER"), "{error}");
        for arg in ["2", "-1", "NaN", "half"] {
            let error = Sampler::named(Some("traceidratio"), Some(arg)).unwrap_err();
            assert!(error.to_string().contains("OTEL_TRACES_SAMPLER_ARG"), "{error}");
        }
    }
}
