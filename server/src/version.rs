//! The version of this build.

/// The version, with the commit it was built from if known: `0.1.0 (1a2b3c4d5e6f)`.
pub const VERSION: &str = env!("GAVEL_BUILD_VERSION");

/// The commit alone, with `-dirty` if something was changed since; empty if unknown.
pub const COMMIT: &str = env!("GAVEL_BUILD_REVISION");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_names_the_commit_if_it_is_known() {
        let package = env!("CARGO_PKG_VERSION");
        let expected = match COMMIT {
            "" => package.to_owned(),
            commit => format!("{package} ({commit})"),
        };
        assert_eq!(VERSION, expected);
        let commit = COMMIT.trim_end_matches("-dirty");
        assert!(commit.bytes().all(|byte| byte.is_ascii_hexdigit()), "{COMMIT}");
    }
}
