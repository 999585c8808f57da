//! The limit of open files, and so of sockets, of this process.

use anyhow::bail;

/// Files that a run needs besides its watchers' sockets.
const OTHERS: usize = 200;

/// Checks whether this many watchers can connect from this process.
///
/// # Errors
/// One line with the limit, if they cannot. An unknown limit is no error.
pub fn check(watchers: usize) -> anyhow::Result<()> {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    match soft_limit(&limits) {
        Some(limit) if limit < watchers + OTHERS => bail!(
            "{watchers} watchers need {} open files and the limit is {limit}: raise it with `ulimit \
             -n`, or use fewer --watchers",
            watchers + OTHERS
        ),
        _ => Ok(()),
    }
}

fn soft_limit(limits: &str) -> Option<usize> {
    let line = limits.lines().find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_read_and_an_unlimited_one_is_none() {
        let line =
            |soft| format!("Limit  Soft\nMax open files            {soft}     4096   files\n");
        assert_eq!(soft_limit(&line("1024")), Some(1_024));
        assert_eq!(soft_limit(&line("unlimited")), None);
        assert_eq!(soft_limit(""), None);
    }

    #[test]
    fn more_watchers_than_files_are_refused_in_a_line() {
        assert!(check(usize::MAX / 2).unwrap_err().to_string().contains("ulimit"));
    }
}
