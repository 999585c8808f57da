//! What to run.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// Where an attack comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sources {
    /// One address.
    One,
    /// Sixteen addresses at once.
    Sixteen,
}

impl Sources {
    /// The addresses. Honest clients have others.
    pub(crate) fn addresses(self) -> Vec<Ipv4Addr> {
        match self {
            Self::One => vec![Ipv4Addr::LOCALHOST],
            Self::Sixteen => (2..18).map(|last| Ipv4Addr::new(127, 0, 0, last)).collect(),
        }
    }
}

/// Attacks a gavel-server beside honest clients, and judges what it costs them.
#[derive(Debug, Parser)]
#[command(name = "abuse-load")]
pub(crate) struct Args {
    /// Attacks by name; none: all.
    pub(crate) attacks: Vec<String>,
    /// List the attacks.
    #[arg(long)]
    pub(crate) list: bool,
    /// The server's program. Default: gavel-server beside this program.
    #[arg(long)]
    pub(crate) server: Option<PathBuf>,
    /// A flag for the server beside its defaults.
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) server_flag: Vec<String>,
    /// Seconds that each attack lasts.
    #[arg(long, default_value_t = 20.0, default_value_if("ci", "true", "3"))]
    pub(crate) seconds: f64,
    /// Seconds that the honest clients are measured alone, just before.
    #[arg(long, default_value_t = 5.0, default_value_if("ci", "true", "1.5"))]
    pub(crate) alone: f64,
    /// What an attacker sends at most, in MB a second, from all its addresses together.
    #[arg(long, default_value_t = 10.0)]
    pub(crate) rate: f64,
    /// From how many addresses. Default: from one, then from sixteen.
    #[arg(long, value_enum)]
    pub(crate) from: Option<Sources>,
    /// By how many times honest clients may be slower than alone; within 300 ms in any case, which
    /// is all that is asked of a debug build of the server.
    #[arg(long, default_value_t = 5)]
    pub(crate) slower: u32,
    /// Only the attacks that CI runs, for 3 s each from one address.
    #[arg(long)]
    pub(crate) ci: bool,
    /// By how much the server's memory may rise in an attack from one address, in MiB.
    #[arg(long, default_value_t = 128)]
    pub(crate) memory: u64,
    /// The same in one from sixteen addresses: what docs/LIMITS.md states.
    #[arg(long, default_value_t = 256)]
    pub(crate) memory_from_sixteen: u64,
    /// The seed of the generated attacks; without it another one each time. It is printed.
    #[arg(long, default_value_t = rand::random::<u32>().into())]
    pub(crate) seed: u64,
    /// A folder that keeps the seeded store for the next run. Default: a temporary one.
    #[arg(long)]
    pub(crate) store: Option<PathBuf>,
    /// Do not repeat an attack whose line was missed.
    #[arg(long)]
    pub(crate) once: bool,
    /// A file for the results.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
}

impl Args {
    pub(crate) fn sources(&self) -> Vec<Sources> {
        match self.from {
            Some(from) => vec![from],
            None if self.ci => vec![Sources::One],
            None => vec![Sources::One, Sources::Sixteen],
        }
    }

    pub(crate) fn program(&self) -> anyhow::Result<PathBuf> {
        let beside = || Ok(std::env::current_exe()?.with_file_name("gavel-server"));
        self.server.clone().map_or_else(beside, Ok)
    }

    pub(crate) fn alone(&self) -> Duration {
        Duration::from_secs_f64(self.alone)
    }
}
