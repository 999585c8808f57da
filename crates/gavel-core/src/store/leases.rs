//! The leases in a table. Which nodes read the stream is decided by them (`cluster::election`); the
//! table only compares and writes.

use std::future::Future;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue;

use super::Dynamo;
use super::error::StoreError;
use super::item;
use super::lease::{Lease, LeaseWrite};

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
