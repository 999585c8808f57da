//! Whether the store serves: requests that cost next to nothing, for readiness.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;

use super::Dynamo;
use super::error::StoreError;
use crate::{clock, limits};

/// The partition of the items that probes name: not an auction's, so nothing reads them.
const PROBE: &str = "PROBE";

impl Dynamo {
    /// Reads an item that is not there: half a read unit. What is asked is whether this process is
    /// served, so it goes the way of every other read.
    pub async fn probe_read(&self) -> Result<(), StoreError> {
        let get = self.client.get_item().table_name(&self.table).key("pk", text(PROBE));
        match get.key("sk", text("READ")).send().await {
            Ok(_) => {
                self.watch.succeeded(Instant::now());
                Ok(())
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// Writes a small item of its own, which the table's TTL deletes: for when bids cannot be
    /// written, to know whether that is so for everything. One write unit.
    pub async fn probe_write(&self) -> Result<(), StoreError> {
        let expires_at = clock::now().plus(limits::PROBE_KEPT).as_micros() / 1_000_000;
        let put = self.client.put_item().table_name(&self.table).item("pk", text(PROBE));
        let put = put.item("sk", text("WRITE"));
        let put = put.item("expiresAt", AttributeValue::N(expires_at.to_string()));
        let written = put.send().await.map(|_| ()).map_err(|error| self.failed(&error));
        if written.is_ok() {
            self.watch.wrote::<()>(Ok(()), Instant::now());
        }
        written
    }

    /// For how long no write has gone through although some were tried.
    pub fn writes_fail_for(&self) -> Option<Duration> {
        self.watch.writes_fail_for(Instant::now())
    }
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}
