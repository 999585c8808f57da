//! Reads the reports that a run or the lab has written.

use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::findings::Findings;
use crate::output::report::Report;

/// The runs of a report: one, or those of a lab by name.
///
/// # Errors
/// When the file cannot be read or is no report.
pub fn read(path: &Path) -> anyhow::Result<Vec<(String, Report)>> {
    let of = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(of)?;
    let json: Value = serde_json::from_str(&text).with_context(of)?;
    if json.get("experiments").is_some() {
        let findings: Findings = serde_json::from_value(json).with_context(of)?;
        let runs = findings.experiments.into_iter().flat_map(|shown| {
            let experiment = shown.name;
            shown
                .cases
                .into_iter()
                .map(move |case| (format!("{experiment}: {}", case.name), case.report))
        });
        return Ok(runs.collect());
    }
    if json.get("latency_us").is_none() {
        bail!("{}: not a report of `run --json` or of `lab --out`", path.display());
    }
    let report: Report = serde_json::from_value(json).with_context(of)?;
    Ok(vec![(report.scenario.clone(), report)])
}
