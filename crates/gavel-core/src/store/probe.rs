//! Probes of the store for readiness: requests that cost next to nothing.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use aws_sdk_dynamodb::types::AttributeValue;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::Dynamo;
use super::error::StoreError;
use crate::clock::skew::Sample;
use crate::{clock, limits};

/// The partition of the probes' items: not an auction's, so nothing else reads them.
const PROBE: &str = "PROBE";

impl Dynamo {
    /// Reads an item that does not exist: half a read unit. It tests whether this process is
    /// served, so it takes the same path as every other read.
    ///
    /// `dated` receives the time in DynamoDB's answer, even in an error.
    pub async fn probe_read(&self, dated: &mut Option<Sample>) -> Result<(), StoreError> {
        let seen = DateSeen::default();
        let get = self.client.get_item().table_name(&self.table).key("pk", text(PROBE));
        let get = get.key("sk", text("READ")).customize().interceptor(seen.clone());
        let sent_us = clock::now().as_micros();
        let got = get.send().await;
        let received_us = clock::now().as_micros();
        let date_s = *seen.0.lock();
        *dated = date_s.map(|date_s| Sample { sent_us, received_us, date_s });
        match got {
            Ok(_) => {
                self.watch.succeeded(Instant::now());
                Ok(())
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// Writes a small item of its own, which the table's TTL deletes. When bids cannot be written,
    /// it shows whether that affects every write. One write unit.
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

    /// For how long no write has succeeded although some were tried.
    pub fn writes_fail_for(&self) -> Option<Duration> {
        self.watch.writes_fail_for(Instant::now())
    }
}

/// The date of an answer, in seconds.
#[derive(Debug, Clone, Default)]
struct DateSeen(Arc<Mutex<Option<i64>>>);

impl Intercept for DateSeen {
    fn name(&self) -> &'static str {
        "DateSeen"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|date| DateTime::from_str(date, DateTimeFormat::HttpDate).ok());
        *self.0.lock() = date.map(|date| date.secs());
        Ok(())
    }
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}
