//! Fault injection, to prove that the checker detects what it must. Only with the feature
//! `fault_injection`, which no production build has.
//!
//! Each fault disables one thing that a guarantee depends on.

use clap::ValueEnum;

/// A fault to inject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Fault {
    /// The sequencer emits items again that it has emitted before.
    Dedupe,
    /// A gap is never read from the table.
    Repair,
    /// After an unknown outcome, a taken version is not examined.
    Reread,
}

#[cfg(any(test, feature = "fault-injection"))]
static BROKEN: std::sync::OnceLock<Option<Fault>> = std::sync::OnceLock::new();

/// Injects a fault, for the life of the process.
#[cfg(feature = "fault-injection")]
pub fn set(what: Fault) {
    tracing::error!(?what, "fault injection: this process breaks a guarantee on purpose");
    // Only the first one takes effect.
    BROKEN.set(Some(what)).ok();
}

/// Whether a fault is injected: the one that was set, or, for simulations, the one that the
/// environment names.
#[cfg(any(test, feature = "fault-injection"))]
pub fn is(what: Fault) -> bool {
    let named = || {
        let name = std::env::var("GAVEL_FAULT_INJECTION").ok()?;
        Some(Fault::from_str(&name, true).expect("GAVEL_FAULT_INJECTION names a break"))
    };
    *BROKEN.get_or_init(named) == Some(what)
}

/// Always false: no fault can be injected in this build.
#[cfg(not(any(test, feature = "fault-injection")))]
pub const fn is(_: Fault) -> bool {
    false
}
