//! What a process has used, as the system tells.

use std::time::Duration;

use anyhow::Context as _;

/// The unit of /proc's times, on every Linux: 1/100 s.
const TICK: Duration = Duration::from_millis(10);

/// User and system time of a process since its start.
///
/// # Errors
/// When there is no such process, or no /proc.
pub(crate) fn cpu(pid: u32) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("/proc")?;
    // After the name, which may hold anything, in parentheses.
    let (_, fields) = stat.rsplit_once(") ").context("/proc: no name")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u32>().ok());
    let (user, system) = (ticks(11).context("utime")?, ticks(12).context("stime")?);
    Ok(TICK * (user + system))
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
