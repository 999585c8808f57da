//! The lab and its reports, as a user runs them.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn client_sim(arguments: &[&str]) -> Output {
    let binary = env!("CARGO_BIN_EXE_client-sim");
    Command::new(binary).args(arguments).output().expect("client-sim starts")
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).expect("the report was written");
    serde_json::from_str(&text).expect("it is JSON")
}

/// SOURCES.md#lambda: a plain retry brings every record of the batch again, bisect those of the
/// half that was handled, partial failures none; retries that run out throw the whole batch away,
/// or with bisect the one record.
#[test]
fn failures_in_mid_batch_show_the_counts_that_lambdas_rules_predict() {
    let out = tempfile::tempdir().unwrap();
    let path = |name: &str| out.path().join(name);
    let directory = out.path().display().to_string();
    let ran = client_sim(&["lab", "--quick", "--only", "mid-batch", "--out", &directory]);
    assert_eq!(code(&ran), Some(0), "{}", said(&ran));

    let report = json(&path("report.json"));
    let cases = report["experiments"][0]["cases"].as_array().unwrap();
    let counts = |case: &str, name: &str| {
        let case = cases.iter().find(|shown| shown["name"] == case).unwrap();
        case["report"]["relay_counts"][name].as_u64().unwrap()
    };
    // Three failures, each at the 7th record of a batch of 10: six handled records before it.
    for (case, failed, replayed) in
        [("plain retry", 3, 18), ("bisect", 3, 18), ("partial failures", 3, 0)]
    {
        assert_eq!(counts(case, "failed"), failed, "{case}");
        assert_eq!(counts(case, "replayed"), replayed, "{case}");
        assert_eq!(counts(case, "given_up"), 0, "{case}");
    }
    assert_eq!(counts("poison, 2 retries", "failed"), 3);
    assert_eq!(counts("poison, 2 retries", "replayed"), 12);
    assert_eq!(counts("poison, 2 retries", "given_up"), 10);
    assert_eq!(counts("poison, 2 retries, bisect", "given_up"), 1);
    // It holds its shard for good.
    assert_eq!(counts("poison, Lambda's defaults", "given_up"), 0);
    assert!(counts("poison, Lambda's defaults", "stood_still_ms_max") > 4_000);

    for case in cases {
        let told = &case["report"]["deliveries"];
        assert!(told["expected"].as_u64().unwrap() > 0, "{told}");
        for wrong in ["missing", "duplicate", "out_of_order"] {
            assert_eq!(told[wrong], 0, "{}: {told}", case["name"]);
        }
    }

    let page = std::fs::read_to_string(path("report.html")).unwrap();
    for outside in ["http://", "https://", "src=", "<script", "<link"] {
        let svg_namespace = "http://www.w3.org/2000/svg";
        assert!(!page.replace(svg_namespace, "").contains(outside), "{outside}");
    }
    let markdown = std::fs::read_to_string(path("report.md")).unwrap();
    assert!(markdown.contains("plain retry") && markdown.contains("replayed"));
}

#[test]
fn a_report_compared_with_itself_is_within_noise_and_one_that_lost_bids_is_a_regression() {
    let out = tempfile::tempdir().unwrap();
    let (before, after) = (out.path().join("before.json"), out.path().join("after.json"));
    let (one, other) = (before.display().to_string(), after.display().to_string());
    let page = out.path().join("run.html").display().to_string();
    let ran = client_sim(&[
        "run",
        "steady",
        "--duration",
        "3s",
        "--rate",
        "20",
        "--seed",
        "3",
        "--slo",
        "p99<30s",
        "--json",
        &one,
        "--html",
        &page,
    ]);
    assert_eq!(code(&ran), Some(0), "{}", said(&ran));
    assert!(std::fs::read_to_string(page).unwrap().contains("<svg"));

    let same = client_sim(&["compare", &one, &one]);
    assert_eq!(code(&same), Some(0), "{}", said(&same));
    assert!(said(&same).contains("0 figures better, 0 worse, 0 worse by more"), "{}", said(&same));

    let mut worse = json(&before);
    worse["deliveries"]["missing"] = 1.into();
    std::fs::write(&after, worse.to_string()).unwrap();
    let ran = client_sim(&["compare", &one, &other]);
    assert_eq!(code(&ran), Some(99), "{}", said(&ran));
    let ran = client_sim(&["compare", &other, &one]);
    assert_eq!(code(&ran), Some(0), "{}", said(&ran));
}

#[test]
fn what_cannot_be_run_or_compared_is_told_in_a_line() {
    let ran = client_sim(&["lab", "--only", "nothing"]);
    assert_eq!(code(&ran), Some(1));
    assert!(said(&ran).contains("--only nothing"), "{}", said(&ran));
    let list = said(&client_sim(&["lab", "--list"]));
    for name in ["modes", "mid-batch", "stall", "overheads"] {
        assert!(list.lines().any(|line| line.starts_with(name)), "{list}");
    }
    // A service that cannot start ends the run at once, with its cause.
    let started = std::time::Instant::now();
    for (flag, part) in [
        ("--embedded-behaviour=/no/such/file.json", "/no/such/file.json"),
        ("--data-dir=/proc/no/such/folder", "/proc/no/such/folder"),
        ("--nonsense", "--nonsense"),
    ] {
        let ran = client_sim(&["run", "--duration", "1s", &format!("--server-flag={flag}")]);
        assert_eq!(code(&ran), Some(1), "{}", said(&ran));
        assert!(said(&ran).contains(part), "{}", said(&ran));
        assert!(said(&ran).matches("os error 2").count() <= 1, "{}", said(&ran));
    }
    assert!(started.elapsed().as_secs() < 25, "a failed child was waited for");
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let ran = client_sim(&["compare", manifest, manifest]);
    assert_eq!(code(&ran), Some(1));
    assert!(said(&ran).contains("Cargo.toml"), "{}", said(&ran));
}
