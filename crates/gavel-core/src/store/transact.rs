//! One group as one TransactWriteItems, and the meaning of a cancellation.

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, Put, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem, Update,
};
use tokio::time::Instant;

use super::error::{CommitError, StoreError};
use super::item;
use super::key::{IdempotencyKey, KeyRecord};
use super::{Dynamo, NewBid, Transaction};
use crate::auction::Timestamp;

/// Sends the transaction once.
pub(super) async fn commit(store: &Dynamo, transaction: &Transaction) -> Result<(), CommitError> {
    let sent = store
        .client
        .transact_write_items()
        .client_request_token(&transaction.token)
        .set_transact_items(Some(actions(&store.table, transaction)))
        .send()
        .await;
    match sent {
        Ok(_) => {
            store.watch.wrote::<()>(Ok(()), Instant::now());
            Ok(())
        }
        Err(error) => match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                Err(store.cancelled(reason(transaction, cancelled.cancellation_reasons())))
            }
            _ => {
                let failed = store.failed(&error);
                store.watch.wrote(Err(&failed), Instant::now());
                Err(CommitError::Store(failed))
            }
        },
    }
}

/// The actions in a fixed order: the state, then each bid, then each key, then each newcomer.
fn actions(table: &str, transaction: &Transaction) -> Vec<TransactWriteItem> {
    let written_at = transaction.written_at;
    let mut actions =
        Vec::with_capacity(1 + 2 * transaction.bids.len() + transaction.newcomers.len());
    actions.push(TransactWriteItem::builder().update(update_state(table, transaction)).build());
    for new in &transaction.bids {
        let put = put(table, item::bid_item(&new.bid, written_at), "attribute_not_exists(pk)");
        actions.push(TransactWriteItem::builder().put(put).build());
    }
    for (_, new, key) in keyed(transaction) {
        let put = put_key(table, new, key, written_at);
        actions.push(TransactWriteItem::builder().put(put).build());
    }
    for bidder in &transaction.newcomers {
        // If it is there already, it is the same.
        let put = Put::builder()
            .table_name(table)
            .set_item(Some(item::bidder_item(bidder, &transaction.auction.id)))
            .build()
            .expect("item and table are set");
        actions.push(TransactWriteItem::builder().put(put).build());
    }
    actions
}

fn keyed(transaction: &Transaction) -> impl Iterator<Item = (usize, &NewBid, &IdempotencyKey)> {
    let bids = transaction.bids.iter().enumerate();
    bids.filter_map(|(index, new)| new.key.as_ref().map(|key| (index, new, key)))
}

fn update_state(table: &str, transaction: &Transaction) -> Update {
    let mut update = Update::builder()
        .table_name(table)
        .set_key(Some(item::state_key(&transaction.auction.id)))
        .condition_expression("#version = :expected")
        .expression_attribute_names("#version", "version")
        .expression_attribute_values(
            ":expected",
            AttributeValue::N(transaction.expected_version.to_string()),
        )
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    // Sorted, so that the same transaction always has the same bytes.
    let mut attributes: Vec<(String, AttributeValue)> =
        item::changing_attributes(&transaction.auction, transaction.written_at)
            .into_iter()
            .collect();
    attributes.sort_by(|a, b| a.0.cmp(&b.0));
    let mut sets = Vec::with_capacity(attributes.len());
    for (name, value) in attributes {
        sets.push(format!("#{name} = :{name}"));
        update = update
            .expression_attribute_values(format!(":{name}"), value)
            .expression_attribute_names(format!("#{name}"), name);
    }
    update
        .update_expression(format!("SET {}", sets.join(", ")))
        .build()
        .expect("key, expression and table are set")
}

fn put(table: &str, item: item::Item, condition: &str) -> Put {
    Put::builder()
        .table_name(table)
        .set_item(Some(item))
        .condition_expression(condition)
        .build()
        .expect("item and table are set")
}

fn put_key(table: &str, new: &NewBid, key: &IdempotencyKey, written_at: Timestamp) -> Put {
    let now_s = written_at.as_micros() / 1_000_000;
    Put::builder()
        .table_name(table)
        .set_item(Some(item::key_item(new, key, written_at)))
        .condition_expression("attribute_not_exists(pk) OR expiresAt < :now")
        .expression_attribute_values(":now", AttributeValue::N(now_s.to_string()))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()
        .expect("item and table are set")
}

/// What a cancellation means. Its reasons are in the order of the actions.
fn reason(transaction: &Transaction, reasons: &[CancellationReason]) -> CommitError {
    let failed = |reason: &CancellationReason| reason.code() == Some("ConditionalCheckFailed");
    let bids = transaction.bids.len();
    if let Some(state) = reasons.first().filter(|reason| failed(reason)) {
        return match state.item().map(item::auction).transpose() {
            Ok(auction) => CommitError::VersionTaken(auction.map(Box::new)),
            Err(error) => CommitError::Store(error.into()),
        };
    }
    // Items that are held or throttled were not evaluated, so the others were not judged together
    // with them.
    let codes: Vec<&str> = (reasons.iter().filter_map(CancellationReason::code))
        .filter(|code| *code != "None")
        .collect();
    let any = |kinds: &[&str]| codes.iter().any(|code| kinds.contains(code));
    let text = || format!("transaction cancelled: {}", codes.join(", "));
    if any(&["ThrottlingError", "ProvisionedThroughputExceeded"]) {
        return CommitError::Throttled(text());
    }
    if any(&["TransactionConflict"]) {
        return CommitError::Busy(text());
    }
    // A bid has this sequence although the version is right: lanes did not write this table.
    if reasons.iter().skip(1).take(bids).any(failed) {
        return StoreError::Refused("a bid holds a sequence that should be free".to_owned()).into();
    }
    let taken: Result<Vec<(usize, KeyRecord)>, StoreError> = keyed(transaction)
        .zip(reasons.iter().skip(1 + bids))
        .filter(|(_, reason)| failed(reason))
        .map(|((index, ..), reason)| taken_key(index, reason))
        .collect();
    match taken {
        Err(error) => CommitError::Store(error),
        Ok(taken) if !taken.is_empty() => CommitError::KeysTaken(taken),
        Ok(_) if !codes.is_empty() && codes.iter().all(|code| *code == "ValidationError") => {
            StoreError::Refused("a transaction's action is invalid".to_owned()).into()
        }
        Ok(_) => CommitError::Busy(text()),
    }
}

fn taken_key(index: usize, reason: &CancellationReason) -> Result<(usize, KeyRecord), StoreError> {
    let missing = || StoreError::Unknown("a taken key's item was not returned".to_owned());
    let item = reason.item().ok_or_else(missing)?;
    // The condition failed, so the key has not expired: it is read as of the beginning of time.
    let record = item::key_record(item, Timestamp::from_micros(0))?;
    Ok((index, record.ok_or_else(missing)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auction::decide::decide;
    use crate::auction::testing::{at, bid, open_auction};

    const FAILED: &str = "ConditionalCheckFailed";

    /// What these codes say of a transaction of one bid.
    fn said(codes: [&str; 2]) -> CommitError {
        let mut auction = open_auction();
        let bid = decide(&mut auction, &bid("ann", 100, at(1))).expect("it is high enough");
        let transaction = Transaction {
            token: "token".to_owned(),
            expected_version: 1,
            auction,
            bids: vec![NewBid { bid, key: None }],
            newcomers: Vec::new(),
            written_at: at(1),
        };
        reason(&transaction, &codes.map(|code| CancellationReason::builder().code(code).build()))
    }

    #[test]
    fn what_is_held_or_throttled_comes_before_what_failed_beside_it() {
        // Another transaction is half applied: its bid stands, its auction is still held.
        let held = said(["TransactionConflict", FAILED]);
        assert!(matches!(held, CommitError::Busy(_)), "{held:?}");
        for codes in [["ThrottlingError", FAILED], ["None", "ProvisionedThroughputExceeded"]] {
            let throttled = said(codes);
            assert!(matches!(throttled, CommitError::Throttled(_)), "{throttled:?}");
        }
    }

    #[test]
    fn a_condition_that_failed_alone_says_what_it_says() {
        let taken = said([FAILED, "None"]);
        assert!(matches!(taken, CommitError::VersionTaken(None)), "{taken:?}");
        for codes in [["None", FAILED], ["None", "ValidationError"]] {
            let refused = said(codes);
            assert!(matches!(refused, CommitError::Store(StoreError::Refused(_))), "{refused:?}");
        }
    }
}
