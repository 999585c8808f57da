//! Breaks, for proving that the checker sees what it must: only with the feature `fault_injection`, which
//! no build for use has.
//!
//! Each disables one thing that a guarantee rests on.

use clap::ValueEnum;

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Fault {
    /// The sequencer emits what it has emitted before.
    Dedupe,
    /// A gap is never read from the table.
    Repair,
    /// After an unknown outcome, a taken version is not looked into.
    Reread,
}

#[cfg(any(test, feature = "fault-injection"))]
static BROKEN: std::sync::OnceLock<Option<Fault>> = std::sync::OnceLock::new();

/// Breaks something, for the life of the process.
#[cfg(feature = "fault-injection")]
pub fn set(what: Fault) {
    tracing::error!(?what, "fault injection: this process breaks a guarantee on purpose");
    // The first stands.
    BROKEN.set(Some(what)).ok();
}

/// Whether something is broken: what was set, or what the environment names, for simulations.
#[cfg(any(test, feature = "fault-injection"))]
pub fn is(what: Fault) -> bool {
    let named = || {
        let name = std::env::var("GAVEL_FAULT_INJECTION").ok()?;
        Some(Fault::from_str(&name, true).expect("GAVEL_FAULT_INJECTION names a break"))
    };
    *BROKEN.get_or_init(named) == Some(what)
}

/// Nothing is.
#[cfg(not(any(test, feature = "fault-injection")))]
pub const fn is(_: Fault) -> bool {
    false
}
