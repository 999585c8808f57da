//! Reads isolated from transactions: TransactGetItems, and the meaning of a cancelled one.
//!
//! A strongly consistent read sees a transaction item by item. Where an answer depends on an item
//! being absent, that is not enough: the auction may already show a bid whose item is not visible
//! yet. TransactGetItems fails while a transaction holds an item, and costs twice the read units.

use aws_sdk_dynamodb::operation::transact_get_items::TransactGetItemsError;
use aws_sdk_dynamodb::types::{CancellationReason, Get, TransactGetItem};

use super::Dynamo;
use super::counts::Kind;
use super::error::StoreError;
use super::item::Item;

impl Dynamo {
    /// At most [`limits::TRANSACT_GET_MAX`](crate::limits::TRANSACT_GET_MAX) items by their keys,
    /// in the order requested.
    pub(super) async fn isolated(&self, keys: Vec<Item>) -> Result<Vec<Option<Item>>, StoreError> {
        let gets = keys.into_iter().map(|key| {
            let get = Get::builder().table_name(&self.table).set_key(Some(key));
            let get = get.build().expect("key and table are set");
            TransactGetItem::builder().get(get).build()
        });
        let sent = self.client.transact_get_items().set_transact_items(Some(gets.collect()));
        match sent.send().await {
            Ok(output) => {
                Ok(output.responses.unwrap_or_default().into_iter().map(|r| r.item).collect())
            }
            Err(error) => match error.as_service_error() {
                Some(TransactGetItemsError::TransactionCanceledException(cancelled)) => {
                    let (kind, said) = reason(cancelled.cancellation_reasons());
                    self.errors.inc(kind);
                    Err(said)
                }
                _ => Err(self.failed(&error)),
            },
        }
    }
}

/// What a cancelled read means.
fn reason(reasons: &[CancellationReason]) -> (Kind, StoreError) {
    let codes: Vec<&str> = (reasons.iter().filter_map(CancellationReason::code))
        .filter(|code| *code != "None")
        .collect();
    let text = format!("transactional read cancelled: {}", codes.join(", "));
    let any = |kinds: &[&str]| codes.iter().any(|code| kinds.contains(code));
    if any(&["ThrottlingError", "ProvisionedThroughputExceeded"]) {
        (Kind::Throttled, StoreError::Throttled(text))
    } else if any(&["AccessDenied"]) {
        (Kind::Denied, StoreError::Denied(text))
    } else if any(&["ValidationError"]) {
        (Kind::Refused, StoreError::Refused(text))
    } else {
        (Kind::Busy, StoreError::Unavailable(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_read_says_whether_another_attempt_is_of_use() {
        let said = |codes: &[&str]| {
            let reason_of = |code: &&str| CancellationReason::builder().code(*code).build();
            reason(&codes.iter().map(reason_of).collect::<Vec<_>>()).1
        };
        assert!(matches!(said(&["None", "TransactionConflict"]), StoreError::Unavailable(_)));
        let throttled = said(&["TransactionConflict", "ProvisionedThroughputExceeded"]);
        assert!(matches!(throttled, StoreError::Throttled(_)));
        assert!(matches!(said(&["AccessDenied"]), StoreError::Denied(_)));
        assert!(matches!(said(&["ValidationError", "None"]), StoreError::Refused(_)));
        assert!(matches!(said(&[]), StoreError::Unavailable(_)));
    }
}
