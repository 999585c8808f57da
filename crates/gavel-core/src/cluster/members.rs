//! Which nodes live, by their digests. Pure.

use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::limits;
use crate::store::lease::NodeId;

/// The other nodes of a cluster, as this one hears them.
#[derive(Debug, Default)]
pub struct Members {
    heard: BTreeMap<NodeId, Member>,
}

#[derive(Debug, Clone, Copy)]
struct Member {
    heard: Instant,
    watches: bool,
}

impl Members {
    /// A digest of a node has come. True: it is new here, or was missing.
    pub fn heard(&mut self, node: &NodeId, watches: bool, now: Instant) -> bool {
        if let Some(member) = self.heard.get_mut(node) {
            let was_missing = is_missing(member.heard, now);
            *member = Member { heard: now, watches };
            return was_missing;
        }
        let has_room = self.heard.len() < limits::NODES_MAX;
        if has_room {
            self.heard.insert(node.clone(), Member { heard: now, watches });
        }
        has_room
    }

    /// A node has said that it goes.
    pub fn left(&mut self, node: &NodeId) {
        self.heard.remove(node);
    }

    /// Nodes whose digests come, but for this one.
    pub fn live(&self, now: Instant) -> impl Iterator<Item = &NodeId> {
        self.heard
            .iter()
            .filter(move |(_, member)| !is_missing(member.heard, now))
            .map(|(node, _)| node)
    }

    /// Whether one of them has an auction watched.
    pub fn anybody_watches(&self, now: Instant) -> bool {
        self.heard.values().any(|member| member.watches && !is_missing(member.heard, now))
    }

    /// Whether a node's digest is missing; one that is silent for long is gone, and missed no more.
    pub fn is_one_missing(&mut self, now: Instant) -> bool {
        let silent = |member: &Member| now.saturating_duration_since(member.heard);
        self.heard.retain(|_, member| silent(member) < limits::NODE_GONE_AFTER);
        self.heard.values().any(|member| is_missing(member.heard, now))
    }
}

fn is_missing(heard: Instant, now: Instant) -> bool {
    now.saturating_duration_since(heard) >= limits::NODE_MISSING_AFTER
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(members: &Members, now: Instant) -> Vec<&str> {
        members.live(now).map(NodeId::as_str).collect()
    }

    #[test]
    fn a_node_lives_while_its_digests_come() {
        let (mut members, now) = (Members::default(), Instant::now());
        assert!(members.heard(&"a".into(), true, now), "new");
        let later = now + limits::DIGEST_EVERY;
        assert!(!members.heard(&"a".into(), true, later));
        assert!(members.heard(&"b".into(), false, later));
        assert_eq!(live(&members, later), ["a", "b"]);
        assert!(members.anybody_watches(later));
        members.left(&"a".into());
        assert_eq!(live(&members, later), ["b"]);
        assert!(!members.anybody_watches(later));
    }

    #[test]
    fn a_silent_node_is_missed_for_a_while_and_then_gone() {
        let (mut members, now) = (Members::default(), Instant::now());
        members.heard(&"a".into(), true, now);
        assert!(!members.is_one_missing(now + limits::NODE_MISSING_AFTER / 2));
        assert!(members.is_one_missing(now + limits::NODE_MISSING_AFTER));
        assert!(live(&members, now + limits::NODE_MISSING_AFTER).is_empty());
        assert!(
            members.heard(&"a".into(), true, now + limits::NODE_MISSING_AFTER),
            "it was missing"
        );
        let gone = now + limits::NODE_MISSING_AFTER + limits::NODE_GONE_AFTER;
        assert!(!members.is_one_missing(gone));
        assert!(members.heard(&"a".into(), true, gone), "as good as new");
    }
}
