//! Scripts: commands at given times. Pure.

use serde::{Deserialize, Serialize};

use super::Command;

/// One step of a script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The time, in milliseconds after the start.
    pub at_ms: u64,
    /// The interval of repetitions in milliseconds; absent: once.
    #[serde(default)]
    pub every_ms: Option<u64>,
    /// The command.
    #[serde(rename = "do")]
    pub command: Command,
}

/// The steps of a script and their progress.
#[derive(Debug)]
pub(crate) struct Script {
    /// Each step with the time it is due next; `None`: never again.
    steps: Vec<(Option<u64>, Step)>,
}

impl Script {
    pub(crate) fn new(steps: Vec<Step>) -> Self {
        Self { steps: steps.into_iter().map(|step| (Some(step.at_ms), step)).collect() }
    }

    /// When the next step is due, in milliseconds after the start.
    pub(crate) fn next_ms(&self) -> Option<u64> {
        self.steps.iter().filter_map(|(due, _)| *due).min()
    }

    /// The steps due at `elapsed_ms`, in order of their times. One that repeats
    /// is given once, however late it is.
    pub(crate) fn due(&mut self, elapsed_ms: u64) -> Vec<Command> {
        let mut due: Vec<(u64, Command)> = Vec::new();
        for (next, step) in &mut self.steps {
            let Some(at) = next.filter(|at| *at <= elapsed_ms) else { continue };
            due.push((at, step.command.clone()));
            *next = step.every_ms.map(|every| {
                let every = every.max(1);
                at + ((elapsed_ms - at) / every + 1) * every
            });
        }
        due.sort_by_key(|(at, _)| *at);
        due.into_iter().map(|(_, command)| command).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn step(at_ms: u64, every_ms: Option<u64>, command: Command) -> Step {
        Step { at_ms, every_ms, command }
    }

    #[test]
    fn steps_come_in_order_once_or_again() {
        let mut script = Script::new(vec![
            step(50, None, Command::ExpireIterators),
            step(10, Some(30), Command::DropConnections),
        ]);
        assert_eq!(script.next_ms(), Some(10));
        assert_eq!(script.due(9), []);
        assert_eq!(script.due(50), [Command::DropConnections, Command::ExpireIterators]);
        assert_eq!(script.next_ms(), Some(70), "once for 10 and 40 together");
        assert_eq!(script.due(70), [Command::DropConnections]);
    }

    #[test]
    fn a_script_reads_from_json() {
        let steps: Vec<Step> = serde_json::from_str(
            r#"[{"at_ms": 5, "do": {"command": "stall", "for_ms": 30000}},
                {"at_ms": 1, "every_ms": 2, "do": {"command": "fault", "kind": "lost_answer", "rate": 0.1}}]"#,
        )
        .unwrap();
        assert_eq!(steps[0].command, Command::Stall { for_ms: 30_000, shard: None, table: None });
        assert!(serde_json::from_str::<Step>(r#"{"at_ms": 1, "do": {"command": "x"}}"#).is_err());
    }

    proptest! {
        #[test]
        fn a_step_is_due_once_a_period_and_never_early(
            at_ms in 0..100_u64, every_ms in 1..50_u64, ticks in prop::collection::vec(0..20_u64, 0..60),
        ) {
            let mut script = Script::new(vec![step(at_ms, Some(every_ms), Command::Resume)]);
            let (mut now, mut last_period) = (0, None);
            for tick in ticks {
                now += tick;
                let due = script.due(now).len();
                let period = (now >= at_ms).then(|| (now - at_ms) / every_ms);
                prop_assert_eq!(due == 1, period > last_period);
                prop_assert!(script.next_ms().unwrap() > now || now < at_ms);
                last_period = period.max(last_period);
            }
        }
    }
}
