//! Output files, checked before a run begins.

use std::fs::{File, OpenOptions};
use std::path::Path;

use anyhow::Context as _;

/// Checks whether a file can be written; an existing one is left as it is.
///
/// # Errors
/// One line that names the flag and the file.
pub fn check(flag: &str, path: Option<&Path>) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    let was_there = path.exists();
    let opened: std::io::Result<File> = OpenOptions::new().append(true).create(true).open(path);
    opened.with_context(|| format!("{flag} {}", path.display()))?;
    if !was_there {
        std::fs::remove_file(path).with_context(|| format!("{flag} {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_written_is_named_and_nothing_is_left_behind() {
        let directory = tempfile::tempdir().unwrap();
        let fine = directory.path().join("report.json");
        check("--json", Some(&fine)).unwrap();
        assert!(!fine.exists());
        std::fs::write(&fine, "before").unwrap();
        check("--json", Some(&fine)).unwrap();
        assert_eq!(std::fs::read_to_string(&fine).unwrap(), "before");
        let absent = directory.path().join("no such folder").join("report.json");
        let error = format!("{:#}", check("--json", Some(&absent)).unwrap_err());
        assert!(error.contains("--json") && error.contains("no such folder"), "{error}");
        assert!(check("--html", Some(directory.path())).is_err(), "a folder is no file");
        check("--html", None).unwrap();
    }
}
