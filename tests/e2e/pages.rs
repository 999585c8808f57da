//! What pages and comments name is there: each row's tests and each flag of docs/LIMITS.md and
//! docs/SECURITY.md, and each section of docs/SOURCES.md that the code cites.

mod commands;

use std::path::{Path, PathBuf};

use e2e::gavel::is_flag;

const LIMITS: &str = include_str!("../../docs/LIMITS.md");
const SECURITY: &str = include_str!("../../docs/SECURITY.md");
/// The attacks of `tests/abuse/load`.
const ATTACKS: &str = include_str!("../abuse-load/attack/mod.rs");

/// The last cell of each row of a page's tables, their heads left out; the table of what work costs
/// has no limits.
fn last_cells(page: &str) -> Vec<&str> {
    let mut is_limit = true;
    let is_row = |line: &&str| {
        is_limit = !line.starts_with("| what |") && (is_limit || !line.starts_with('|'));
        is_limit && line.starts_with('|')
    };
    let lines: Vec<&str> = page.lines().filter(is_row).collect();
    let is_head = |at: usize| lines.get(at + 1).is_some_and(|next| next.starts_with("|-"));
    let rows = (0..lines.len()).filter(|at| !lines[*at].starts_with("|-") && !is_head(*at));
    let last = |row: &'_ str| row.trim_end_matches('|').rfind('|').expect("cells") + 1;
    rows.map(|at| lines[at][last(lines[at])..].trim_matches(['|', ' '].as_slice())).collect()
}

/// The tests that a cell names, each with where it is: `path` name, name; `path` name.
fn named<'a>(cell: &'a str, default: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut place = default;
    let mut found = Vec::new();
    for part in cell.split([';', ',']).map(str::trim) {
        let name = match part.strip_prefix('`').and_then(|rest| rest.split_once('`')) {
            Some((path, name)) => {
                place = path;
                name.trim()
            }
            None => part,
        };
        found.push((place, name));
    }
    found
}

/// The files of a place: a file or a folder, below tests/ or from the top.
fn files(place: &str) -> Vec<PathBuf> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let is_beside = place.starts_with("server/") || place.starts_with("crates/");
    let path = if is_beside { tests.join("..").join(place) } else { tests.join(place) };
    if path.is_file() {
        return vec![path];
    }
    let entries = std::fs::read_dir(&path).unwrap_or_else(|_| panic!("no {place}"));
    entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect()
}

/// Whether a source has a test of this name.
fn has_test(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let is_it = |line: &str| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        line.strip_prefix("fn ")
            .and_then(|rest| rest.strip_prefix(name))
            .is_some_and(|rest| rest.starts_with('('))
    };
    lines.iter().enumerate().filter(|(_, line)| is_it(line)).any(|(at, _)| {
        let mut above = lines[..at].iter().rev().take_while(|line| line.starts_with("#["));
        above.any(|line| line.starts_with("#[test]") || line.contains("::test"))
    })
}

fn is_there(place: &str, name: &str) -> bool {
    if place == "abuse-load" {
        return ATTACKS.contains(&format!("    attack(\"{name}\", "));
    }
    // A module of abuse is a group of targets.
    let (place, name) = match place {
        "abuse" => (format!("abuse/{name}.rs"), None),
        _ => (place.to_owned(), Some(name)),
    };
    files(&place).into_iter().any(|file| {
        let source = std::fs::read_to_string(file).unwrap();
        name.map_or(source.contains("#[test]"), |name| has_test(&source, name))
    })
}

#[test]
fn every_row_names_tests_that_are_there() {
    for (page, text, default) in
        [("LIMITS.md", LIMITS, "e2e/limits"), ("SECURITY.md", SECURITY, "")]
    {
        let cells = last_cells(text);
        assert!(cells.len() > 20, "{page}: {} rows were found", cells.len());
        for cell in cells {
            for (place, name) in named(cell, default) {
                assert!(is_there(place, name), "{page}: no test {place} {name:?}");
            }
        }
    }
    assert!(!is_there("e2e/pages.rs", "rows"), "a function that is no test");
    assert!(!is_there("e2e/limits", "every_row"), "a part of a name");
    assert!(!is_there("abuse-load", "churn"), "a part of an attack");
}

#[test]
fn every_test_of_a_limit_is_named_by_a_row() {
    let cells = [last_cells(LIMITS), last_cells(SECURITY)].concat();
    let names: Vec<&str> =
        cells.iter().flat_map(|cell| named(cell, "")).map(|(_, name)| name).collect();
    for file in files("e2e/limits") {
        let source = std::fs::read_to_string(file).unwrap();
        let functions = source.lines().filter_map(|line| line.strip_prefix("async fn "));
        for name in functions.filter_map(|rest| rest.split_once('(')).map(|(name, _)| name) {
            assert!(!has_test(&source, name) || names.contains(&name), "no row names {name}");
        }
    }
}

#[test]
fn every_flag_of_the_pages_is_one_of_the_service() {
    let quoted = [LIMITS, SECURITY].into_iter().flat_map(|page| page.split('`').skip(1).step_by(2));
    let flags: Vec<&str> = quoted.filter_map(|text| text.strip_prefix("--")).collect();
    assert!(flags.len() > 20, "{} flags were found", flags.len());
    for flag in flags {
        let name = flag.split([' ', '=']).next().unwrap();
        assert!(is_flag(name), "no flag --{name}");
    }
    assert!(!is_flag("query-width"));
}

/// The source files of the workspace.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = entry.file_name();
        let is_ours = !["target", "node_modules", "venv", ".git"].iter().any(|no| name == *no);
        if path.is_dir() && is_ours {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_citation_of_a_source_is_of_a_section_that_is_there() {
    let page = include_str!("../../docs/SOURCES.md");
    let heads: Vec<String> =
        page.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_lowercase).collect();
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &mut files);
    // Put together, so that this line is none.
    let mark = concat!("SOURCES", ".md#");
    let mut cited = Vec::new();
    for file in files {
        let source = std::fs::read_to_string(&file).unwrap();
        for rest in source.split(mark).skip(1) {
            let end = rest.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(rest.len());
            let section = rest[..end].to_owned();
            assert!(heads.contains(&section), "{}: no section {section}", file.display());
            cited.push(section);
        }
    }
    assert!(cited.len() > 20, "{} citations were found", cited.len());
    for head in heads {
        assert!(cited.contains(&head), "nothing cites {head}");
    }
}
