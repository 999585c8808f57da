//! Puts the commit into the version. Works without git: then `GAVEL_BUILD_COMMIT` names the commit,
//! or the version stands alone.

use std::path::Path;
use std::process::Command;

fn main() {
    let commit = std::env::var("GAVEL_BUILD_COMMIT").ok().filter(|commit| !commit.is_empty());
    let commit = commit.or_else(commit_of_git);
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let version = match &commit {
        Some(commit) => format!("{version} ({commit})"),
        None => version,
    };
    println!("cargo::rustc-env=GAVEL_BUILD_VERSION={version}");
    println!("cargo::rustc-env=GAVEL_BUILD_REVISION={}", commit.unwrap_or_default());
    println!("cargo::rerun-if-env-changed=GAVEL_BUILD_COMMIT");
    // A release names its commit exactly. A debug build names the one its package was last built
    // from: to follow every commit would build everything again after each.
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        follow();
    } else {
        println!("cargo::rerun-if-changed=src");
    }
}

/// The commit that is checked out, and whether something was changed since.
fn commit_of_git() -> Option<String> {
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    // Another repository around an unpacked archive is not this one's.
    git(&["ls-files", "--error-unmatch", "build.rs"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some(if changed.is_empty() { commit } else { format!("{commit}-dirty") })
}

fn git(arguments: &[&str]) -> Option<String> {
    // Without its optional locks git does not write its index, whose time would call for another build.
    let output = Command::new("git").arg("--no-optional-locks").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn follow() {
    for path in ["logs/HEAD", "HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", path])
            && Path::new(&path).exists()
        {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    for source in ["server/src", "client-sim/src", "emulator/src", "trace/src", "crates"] {
        println!("cargo::rerun-if-changed=../{source}");
    }
}
