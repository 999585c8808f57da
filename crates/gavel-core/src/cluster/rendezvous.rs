//! Which node writes an auction: rendezvous hashing. Pure.
//!
//! Every node that knows the same nodes chooses the same owner, and a node that comes or goes moves
//! only the auctions that it owns itself.

use sha2::{Digest as _, Sha256};

use crate::auction::AuctionId;
use crate::store::lease::NodeId;

/// The owner of an auction among these nodes, in whatever order they are given.
pub fn owner<'n>(
    id: &AuctionId,
    nodes: impl IntoIterator<Item = &'n NodeId>,
) -> Option<&'n NodeId> {
    nodes.into_iter().max_by_key(|node| (weight(id, node), *node))
}

fn weight(id: &AuctionId, node: &NodeId) -> u64 {
    let mut hash = Sha256::new();
    for part in [id.as_str(), node.as_str()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hash.finalize()[..8]);
    u64::from_be_bytes(first)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn nodes(count: usize) -> Vec<NodeId> {
        (0..count).map(|n| NodeId::from(format!("node-{n}").as_str())).collect()
    }

    fn auctions(count: usize) -> Vec<AuctionId> {
        (0..count).map(|_| AuctionId::random()).collect()
    }

    #[test]
    fn every_node_chooses_the_same_owner_whatever_the_order() {
        let nodes = nodes(5);
        for id in auctions(100) {
            let forth = owner(&id, &nodes);
            assert!(forth.is_some());
            assert_eq!(forth, owner(&id, nodes.iter().rev()));
        }
        assert_eq!(owner(&AuctionId::random(), []), None);
    }

    #[test]
    fn a_node_that_goes_moves_its_own_auctions_alone() {
        let all = nodes(5);
        for id in auctions(1000) {
            let before = owner(&id, &all);
            let after = owner(&id, &all[1..]);
            assert!(before == Some(&all[0]) || before == after);
        }
    }

    #[test]
    fn auctions_spread_evenly() {
        let all = nodes(5);
        let mut owned: HashMap<&NodeId, usize> = HashMap::new();
        let ids = auctions(5000);
        ids.iter()
            .filter_map(|id| owner(id, &all))
            .for_each(|node| *owned.entry(node).or_default() += 1);
        assert_eq!(owned.len(), 5);
        // The standard deviation is 28.
        assert!(owned.values().all(|&count| (850..1150).contains(&count)), "{owned:?}");
    }
}
