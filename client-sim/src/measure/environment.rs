//! Where and when something was measured.

use serde::{Deserialize, Serialize};

use crate::clock;
use crate::service::server::{COMMIT, VERSION};
use crate::stamp::format_us;

/// Where and when something was measured; what the system does not report is absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Environment {
    /// When it began, in UTC.
    pub began_at: String,
    /// The version of this program.
    pub version: String,
    /// The commit that it was built from; empty if that is not known.
    pub commit: String,
    /// The operating system and the processor's architecture.
    pub system: String,
    /// The processor's own name.
    pub processor: Option<String>,
    /// The cores that this process may use.
    pub cores: Option<usize>,
    /// The machine's memory, in KiB.
    pub memory_kb: Option<u64>,
    /// The load average over one minute when it began: other activity on the machine.
    pub load_before: Option<f64>,
    /// The same when it ended, including this run.
    pub load_after: Option<f64>,
    /// What was modelled instead of real.
    pub modelled: Vec<String>,
}

impl Environment {
    /// Records the environment at the start.
    pub fn begin() -> Self {
        let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        Self {
            began_at: format_us(clock::now_us()),
            version: VERSION.split(' ').next().unwrap_or_default().to_owned(),
            commit: COMMIT.to_owned(),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            processor: field(&cpus, "model name").map(str::to_owned),
            cores: std::thread::available_parallelism().ok().map(std::num::NonZero::get),
            memory_kb: field(&memory, "MemTotal").and_then(|kb| kb.split(' ').next()?.parse().ok()),
            load_before: load(),
            load_after: None,
            modelled: Vec::new(),
        }
    }

    /// Adds the environment at the end.
    pub fn end(mut self) -> Self {
        self.load_after = load();
        self
    }

    /// As names and values, for a table.
    pub fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = Vec::new();
        let mut row = |name, value: Option<String>| rows.extend(value.map(|value| (name, value)));
        let text = |text: &String| (!text.is_empty()).then(|| text.clone());
        row("began", text(&self.began_at));
        row("client-sim", text(&self.version));
        row("commit", text(&self.commit));
        row("system", text(&self.system));
        row("processor", self.processor.clone());
        row("cores", self.cores.map(|cores| cores.to_string()));
        row("memory", self.memory_kb.map(|kb| format!("{:.1} GiB", kb as f64 / 1_048_576.0)));
        let load =
            |load: Option<f64>| load.map_or_else(|| "-".to_owned(), |load| format!("{load:.2}"));
        if self.load_before.is_some() || self.load_after.is_some() {
            let both =
                format!("{} before, {} after", load(self.load_before), load(self.load_after));
            row("load (1 minute)", Some(both));
        }
        let modelled =
            if self.modelled.is_empty() { "nothing".to_owned() } else { self.modelled.join("; ") };
        row("modelled, not measured", (!self.began_at.is_empty()).then_some(modelled));
        rows
    }
}

fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

/// The first value of a field in a file such as /proc/meminfo.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_when_what_and_where_it_was_measured() {
        let environment = Environment::begin().end();
        let names: Vec<&str> = environment.rows().into_iter().map(|(name, _)| name).collect();
        for name in ["began", "client-sim", "system", "cores", "modelled, not measured"] {
            assert!(names.contains(&name), "{name}: {names:?}");
        }
        assert!(Environment::default().rows().is_empty(), "an old report says nothing of it");
    }

    #[test]
    fn fields_are_read_by_their_whole_name() {
        let text = "MemTotal:       8049136 kB\nMemFree: 1 kB\nmodel name\t: A CPU @ 2 GHz\n";
        assert_eq!(field(text, "MemTotal"), Some("8049136 kB"));
        assert_eq!(field(text, "model name"), Some("A CPU @ 2 GHz"));
        assert_eq!(field(text, "model"), None);
    }
}
