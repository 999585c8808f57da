//! Leases: items with an owner and a counter. Which nodes read the stream is decided by them
//! (`cluster::election`); the table only compares and writes.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue;

use super::Dynamo;
use super::error::StoreError;
use super::item;

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

/// The leases in a table. Reads are strongly consistent.
pub trait Leases: Send + Sync + 'static {
    /// The first so many leases; `None` where there is no item.
    fn leases(
        &self,
        count: usize,
    ) -> impl Future<Output = Result<Vec<Option<Lease>>, StoreError>> + Send;

    /// Writes one if it is still as expected. False: it is not. One attempt.
    fn write_lease(
        &self,
        write: &LeaseWrite,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}

impl Leases for Dynamo {
    async fn leases(&self, count: usize) -> Result<Vec<Option<Lease>>, StoreError> {
        let items = self.batch_get((0..count).map(item::lease_key).collect()).await?;
        let mut leases = vec![None; count];
        for item in &items {
            let (slot, lease) = self.read(item::lease(item))?;
            if let Some(place) = leases.get_mut(slot) {
                *place = Some(lease);
            }
        }
        Ok(leases)
    }

    async fn write_lease(&self, write: &LeaseWrite) -> Result<bool, StoreError> {
        let mut put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item::lease_item(write.slot, &write.next)));
        put = match &write.expected {
            None => put.condition_expression("attribute_not_exists(pk)"),
            // A counter is never written twice with one owner after another.
            Some(lease) => put
                .condition_expression("leaseCounter = :counter AND #owner = :owner")
                .expression_attribute_names("#owner", "owner")
                .expression_attribute_values(
                    ":counter",
                    AttributeValue::N(lease.counter.to_string()),
                )
                .expression_attribute_values(":owner", item::owner(lease)),
        };
        match put.send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
            Err(error) => Err(self.failed(&error)),
        }
    }
}
