//! Breaks, for proving that the checker sees what it must: only with the feature `sabotage`, which
//! no build for use has.
//!
//! Each disables one thing that a guarantee rests on.

use clap::ValueEnum;

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Break {
    /// The sequencer emits what it has emitted before.
    Dedupe,
    /// A gap is never read from the table.
    Repair,
    /// After an unknown outcome, a taken version is not looked into.
    Reread,
}

#[cfg(any(test, feature = "sabotage"))]
static BROKEN: std::sync::OnceLock<Option<Break>> = std::sync::OnceLock::new();

/// Breaks something, for the life of the process.
#[cfg(feature = "sabotage")]
pub fn set(what: Break) {
    tracing::error!(?what, "sabotage: this process breaks a guarantee on purpose");
    // The first stands.
    BROKEN.set(Some(what)).ok();
}

/// Whether something is broken: what was set, or what the environment names, for simulations.
#[cfg(any(test, feature = "sabotage"))]
pub fn is(what: Break) -> bool {
    let named = || {
        let name = std::env::var("GAVEL_SABOTAGE").ok()?;
        Some(Break::from_str(&name, true).expect("GAVEL_SABOTAGE names a break"))
    };
    *BROKEN.get_or_init(named) == Some(what)
}

/// Nothing is.
#[cfg(not(any(test, feature = "sabotage")))]
pub const fn is(_: Break) -> bool {
    false
}
