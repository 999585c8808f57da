//! What a process has used, as the system tells.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, bail};
use nix::unistd::Pid;
use tokio::time::sleep;

/// A server at rest, whose relay polls, uses about 2 % of a core.
const REST_LOOK: Duration = Duration::from_millis(250);
const REST_LOOKS_MAX: usize = 40;

/// User and system time of a process since its start, by its own CPU clock: /proc tells hundredths of
/// a second, too coarse for a window of a few.
///
/// # Errors
/// When there is no such process.
pub(crate) fn cpu(pid: u32) -> anyhow::Result<Duration> {
    let clock = nix::time::clock_getcpuclockid(Pid::from_raw(pid.try_into()?))?;
    Ok(nix::time::clock_gettime(clock)?.into())
}

/// The CPU time of each thread of a process since its start, in nanoseconds, by the thread's id.
///
/// # Errors
/// When there is no such process, or no /proc.
pub(crate) fn threads(pid: u32) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut threads = BTreeMap::new();
    for thread in std::fs::read_dir(format!("/proc/{pid}/task")).context("/proc")? {
        let thread = thread?;
        // One may end meanwhile.
        let Ok(stat) = std::fs::read_to_string(thread.path().join("schedstat")) else { continue };
        let used = stat.split(' ').next().and_then(|ns| ns.parse().ok()).context("schedstat")?;
        threads.insert(thread.file_name().to_string_lossy().into_owned(), used);
    }
    Ok(threads)
}

/// Waits until a process has no work left but its routine.
///
/// # Errors
/// When it stays busy.
pub(crate) async fn wait_for_rest(pid: u32) -> anyhow::Result<()> {
    for _ in 0..REST_LOOKS_MAX {
        let before = cpu(pid)?;
        sleep(REST_LOOK).await;
        if cpu(pid)?.saturating_sub(before) < REST_LOOK / 10 {
            return Ok(());
        }
    }
    bail!("the server does not come to rest")
}

/// Resident memory of a process, in KiB.
///
/// # Errors
/// When there is no such process, or no /proc.
pub(crate) fn resident_kb(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("/proc")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    line.trim().trim_end_matches("kB").trim().parse().context("VmRSS")
}
