//! The tests that commands of the pages and lists of tests/stores name.

use std::path::Path;

use super::sources;

/// What a command of the pages has cargo look for among the names of tests.
fn filters(page: &str) -> Vec<&str> {
    let commands = page.split("cargo test").skip(1);
    let arguments =
        commands.map(|rest| rest.split(['`', '#', '\n', ';', '&', '|']).next().unwrap());
    let mut found = Vec::new();
    for words in arguments.map(str::split_whitespace) {
        let mut is_value = false;
        for word in words {
            if !is_value && !word.starts_with('-') {
                found.push(word);
            }
            is_value = ["-p", "--test"].contains(&word);
        }
    }
    found
}

/// The names that a test's path can have: of modules, functions, and the cases of a macro.
fn names_of_tests(root: &Path) -> Vec<String> {
    let mut files = Vec::new();
    sources(root, &mut files);
    let mut names = Vec::new();
    for file in files {
        let parts = file.strip_prefix(root).unwrap().with_extension("");
        names.extend(parts.iter().map(|part| part.to_string_lossy().into_owned()));
        for line in std::fs::read_to_string(file).unwrap().lines().map(str::trim) {
            let line = line.trim_start_matches("pub ").trim_start_matches("async ");
            let after = line.strip_prefix("fn ").or_else(|| line.strip_prefix("mod "));
            let name = after.or_else(|| line.strip_suffix(',')).unwrap_or_default();
            let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
            names.push(name[..end].to_owned());
        }
    }
    names
}

#[test]
fn every_test_that_a_command_or_a_list_of_the_stores_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let names = names_of_tests(&root);
    let mut count = 0;
    let folder =
        |name: &str| std::fs::read_dir(root.join(name)).unwrap().map(|entry| entry.unwrap().path());
    let pages = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(|page| root.join(page));
    for page in
        folder("docs").chain(pages).filter(|page| page.extension().is_some_and(|is| is == "md"))
    {
        let text = std::fs::read_to_string(&page).unwrap();
        for filter in filters(&text) {
            // A part of a name will do for cargo; DEVELOPING.md shows a test that the reader writes.
            let is_there = |part: &str| names.iter().any(|name| name.contains(part));
            let is_shown = text.contains(&format!("fn {filter}"));
            assert!(is_shown || filter.split("::").all(is_there), "{}: {filter}", page.display());
            count += 1;
        }
    }
    for list in
        folder("tests/stores").filter(|list| list.extension().is_some_and(|is| is == "not-run"))
    {
        let text = std::fs::read_to_string(&list).unwrap();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let path = line.split(' ').next().unwrap();
            let is_there = |part: &str| names.iter().any(|name| name == part);
            let mut parts = path.trim_end_matches("::").split("::");
            assert!(parts.all(is_there), "{}: {path}", list.display());
            count += 1;
        }
    }
    assert!(count > 30, "{count} names were found");
}
