//! A lease: an item with an owner and a counter, and the name of its owner. Pure.

use std::fmt;
use std::sync::Arc;

/// The name of a node, unique in its cluster for as long as its process runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(Arc<str>);

impl NodeId {
    /// A random one.
    pub fn random() -> Self {
        format!("{:016x}", rand::random::<u64>()).as_str().into()
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a text can be part of a subject of the bus: letters, digits, `-` and `_`.
    pub fn is_well_formed(text: &str) -> bool {
        (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    }
}

impl From<&str> for NodeId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A lease as the table has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Who reads; `None`: it was given back.
    pub owner: Option<NodeId>,
    /// Raised with each write.
    pub counter: u64,
}

/// A write of a lease: only if it is still as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseWrite {
    /// Which lease.
    pub slot: usize,
    /// What the table must have; `None`: no item.
    pub expected: Option<Lease>,
    /// What it has afterwards.
    pub next: Lease,
}
