//! Parts shared by several pages.

use super::chart::Row;
use super::model::{Block, Section, Table};
use crate::measure::environment::Environment;
use crate::measure::path::HOPS;
use crate::measure::series::Example;

/// The parts of a bid: its hops, with `store_and_stream` split if the time of the acknowledgement
/// is known, and the rest split again if the model's own median of the propagation is known; and
/// `lane` if the bid was forwarded.
pub(crate) fn row(name: impl Into<String>, bid: &Example, propagation_us: Option<i64>) -> Row {
    let mut parts = Vec::with_capacity(HOPS.len() + 3);
    for (hop, us) in HOPS.into_iter().zip(bid.hops_us) {
        match bid.commit_us {
            _ if hop == "lane" && bid.forward_us != 0 => {
                parts.push(("forward", bid.forward_us));
                parts.push((hop, us - bid.forward_us));
            }
            Some(commit_us) if hop == "store_and_stream" => {
                // A bid published at the acknowledgement is read a moment before or after it.
                let transaction = commit_us.clamp(0, us.max(0));
                let stream = us - transaction;
                parts.push(("transaction", transaction));
                match propagation_us {
                    Some(median) if stream > 0 => {
                        let propagation = stream.min(median);
                        parts.push(("propagation (the model's median)", propagation));
                        parts.push(("poll and handler (the rest)", stream - propagation));
                    }
                    _ => parts.push(("stream: propagation and poll", stream)),
                }
            }
            _ => parts.push((hop, us)),
        }
    }
    Row { name: name.into(), total_us: bid.total_us, parts }
}

/// Where and when, as a section.
pub(crate) fn environment(environment: &Environment) -> Option<Section> {
    let rows = environment.rows();
    if rows.is_empty() {
        return None;
    }
    let mut table = Table::new(&["measured", ""]);
    rows.into_iter().for_each(|(name, value)| table.row([name.to_owned(), value]));
    Some(Section::new("When, where and with what").with(Block::Table(table)))
}

/// Where and when, in a line.
pub(crate) fn environment_line(environment: &Environment) -> Option<String> {
    if environment.began_at.is_empty() {
        return None;
    }
    let date = environment.began_at.get(..16).unwrap_or_default().replace('T', " ");
    let commit = match environment.commit.as_str() {
        "" => String::new(),
        commit => format!(" ({commit})"),
    };
    let cores = environment.cores.map_or_else(String::new, |cores| format!(", {cores} cores"));
    let load =
        environment.load_before.map_or_else(String::new, |load| format!(", load {load:.1} before"));
    let modelled = if environment.modelled.is_empty() {
        "nothing modelled".to_owned()
    } else {
        format!("modelled: {}", environment.modelled.join("; "))
    };
    let (version, system) = (&environment.version, &environment.system);
    Some(format!("{date} UTC, client-sim {version}{commit}, {system}{cores}{load}; {modelled}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(commit_us: Option<i64>) -> Example {
        Example {
            percent: 50.0,
            total_us: 210,
            hops_us: [1, 2, 3, 200, 1, 3],
            forward_us: 0,
            commit_us,
        }
    }

    #[test]
    fn the_parts_of_a_bid_add_up_however_far_they_are_split() {
        for (commit_us, propagation_us) in [
            (None, None),
            (Some(25), None),
            (Some(25), Some(90)),
            (Some(900), Some(90)),
            (Some(-1), Some(900)),
        ] {
            let row = row("p50", &example(commit_us), propagation_us);
            let sum: i64 = row.parts.iter().map(|(_, us)| us).sum();
            assert_eq!(sum, row.total_us, "{row:?}");
            assert!(row.parts.iter().all(|(_, us)| *us >= 0), "{row:?}");
        }
        let names = |propagation_us| {
            let row = row("p50", &example(Some(25)), propagation_us);
            row.parts.iter().map(|(name, _)| *name).collect::<Vec<_>>()
        };
        assert!(
            names(None).contains(&"stream: propagation and poll"),
            "what is not modelled is not guessed"
        );
        assert!(names(Some(90)).iter().any(|name| name.starts_with("poll")));
    }
}
