//! The probe's writes: on a schedule, whatever becomes of the ones before.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

/// Writes under way at a time; a write that finds no room is late.
const IN_FLIGHT_MAX: usize = 64;
/// About the size of a bid.
const FILLER_BYTES: usize = 200;

/// What is written at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// PutItem.
    Put,
    /// TransactWriteItems of so many puts.
    Transaction(usize),
}

impl Kind {
    /// All, in the order in which they take turns.
    pub const ALL: [Self; 4] =
        [Self::Put, Self::Transaction(1), Self::Transaction(3), Self::Transaction(5)];

    /// How many items it writes.
    pub fn items(self) -> usize {
        match self {
            Self::Put => 1,
            Self::Transaction(items) => items,
        }
    }

    /// The write units of so many small items.
    pub fn units(self) -> u64 {
        match self {
            Self::Put => 1,
            Self::Transaction(items) => 2 * items as u64,
        }
    }

    /// Its name.
    pub fn name(self) -> String {
        match self {
            Self::Put => "PutItem".to_owned(),
            Self::Transaction(1) => "transaction of 1 item".to_owned(),
            Self::Transaction(items) => format!("transaction of {items} items"),
        }
    }
}

/// A write.
#[derive(Debug)]
pub struct Write {
    /// What it wrote.
    pub kind: Kind,
    /// When it was sent.
    pub sent: Instant,
    /// When it was acknowledged, or the error.
    pub acknowledged: Result<Instant, String>,
}

/// Writes at this rate for so long, counting from `first`. The key of an item is the number of its
/// write, and its own within it.
pub async fn run(
    client: Client,
    table: String,
    rate: f64,
    lasts: Duration,
    first: usize,
) -> Vec<(usize, Write)> {
    let room = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
    let count = (rate * lasts.as_secs_f64()).round() as usize;
    let began = tokio::time::Instant::now();
    let mut under_way = JoinSet::new();
    let mut done = Vec::with_capacity(count);
    for (turn, number) in (first..first + count).enumerate() {
        sleep_until(began + Duration::from_secs_f64(turn as f64 / rate)).await;
        while let Some(Ok(write)) = under_way.try_join_next() {
            done.push(write);
        }
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { break };
        let (client, table) = (client.clone(), table.clone());
        let kind = Kind::ALL[turn % Kind::ALL.len()];
        under_way.spawn(async move {
            let _place = place;
            let sent = Instant::now();
            let written = write(&client, &table, kind, number).await;
            let acknowledged = written.map(|()| Instant::now()).map_err(|e| format!("{e:#}"));
            (number, Write { kind, sent, acknowledged })
        });
    }
    while let Some(Ok(write)) = under_way.join_next().await {
        done.push(write);
    }
    done
}

/// The number of the write that wrote the item with this partition key.
pub fn number_of(pk: &str) -> Option<usize> {
    // Each item has a partition of its own.
    pk.strip_prefix('w')?.split('.').next()?.parse().ok()
}

async fn write(client: &Client, table: &str, kind: Kind, number: usize) -> anyhow::Result<()> {
    let text = |text: String| AttributeValue::S(text);
    let pk = |item: usize| text(format!("w{number}.{item}"));
    let filler = || text("x".repeat(FILLER_BYTES));
    match kind {
        Kind::Put => {
            let put = client.put_item().table_name(table).item("pk", pk(0));
            let put = put.item("sk", text("item".to_owned())).item("filler", filler());
            put.send().await.context("PutItem")?;
        }
        Kind::Transaction(items) => {
            let mut transaction = client.transact_write_items();
            for item in 0..items {
                let put = Put::builder().table_name(table).item("pk", pk(item));
                let put = put.item("sk", text("item".to_owned())).item("filler", filler());
                let put = TransactWriteItem::builder().put(put.build()?).build();
                transaction = transaction.transact_items(put);
            }
            transaction.send().await.context("TransactWriteItems")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_an_item_says_which_write_it_is_of() {
        assert_eq!(number_of("w12.3"), Some(12));
        assert_eq!(number_of("w0.0"), Some(0));
        assert_eq!(number_of("AUCTION#1"), None);
        assert_eq!(number_of("w.1"), None);
    }
}
