//! What the emulator, with the engine's streams and with its own, and any other
//! DynamoDB must do alike: one case table, run against all three.
//!
//! The other DynamoDB is the endpoint that `ALIKE_DYNAMODB` names (a URL);
//! without it those tests are reported as skipped. `tests/stores/run` sets it.

#[path = "../support/mod.rs"]
mod support;
mod cases;

use dynamodb_emulator::{Behaviour, Emulator, Limits, Options, StreamOptions};
use support::Clients;

/// The front's stream in place of the engine's, with limits on.
fn one_virtual_shard() -> Options {
    let streams = StreamOptions { shards: 1, ..StreamOptions::aws() };
    let behaviour = Behaviour { streams, limits: Limits::aws(), ..Behaviour::default() };
    Options { behaviour, ..Options::default() }
}

/// Makes a test of each case for each of the three.
macro_rules! run_against_all {
    ($($case:ident,)*) => {
        mod emulator {
            $(#[tokio::test]
            async fn $case() {
                let emulator = super::Emulator::start(super::Options::default()).await.unwrap();
                let clients = super::Clients::new(&emulator.endpoint()).await;
                super::cases::$case(&clients, "alike").await;
                emulator.shutdown().await;
            })*
        }
        mod emulator_with_shards_of_its_own {
            $(#[tokio::test]
            async fn $case() {
                let emulator = super::Emulator::start(super::one_virtual_shard()).await.unwrap();
                let clients = super::Clients::new(&emulator.endpoint()).await;
                super::cases::$case(&clients, "alike").await;
                emulator.shutdown().await;
            })*
        }
        mod another_store {
            $(#[tokio::test]
            async fn $case() {
                let Ok(url) = std::env::var("ALIKE_DYNAMODB") else {
                    eprintln!("SKIPPED {}: ALIKE_DYNAMODB is not set", stringify!($case));
                    return;
                };
                let clients = super::Clients::new(&url).await;
                let table = format!("{}-{}", stringify!($case), rand::random::<u32>());
                super::cases::$case(&clients, &table).await;
                clients.db.delete_table().table_name(table).send().await.unwrap();
            })*
        }
    };
}

run_against_all! {
    a_write_appears_once_in_the_stream_with_its_new_image,
    a_table_made_again_has_an_empty_stream,
    an_open_shard_has_no_ending_sequence_number,
    latest_shows_only_what_is_written_after_it,
    after_sequence_number_goes_on_behind_that_record,
    a_failed_condition_gives_the_loser_the_current_item,
    a_cancelled_transaction_writes_nothing,
    a_token_makes_a_transaction_idempotent,
    a_token_with_other_parameters_is_refused,
    a_consistent_query_sees_a_transaction_and_pages,
    batch_get_answers_what_exists,
    a_sparse_index_lists_only_items_that_carry_its_key,
    time_to_live_can_be_switched_on,
    a_disabled_stream_stays_readable_with_its_shards_closed,
    a_deleted_tables_stream_stays_readable_with_its_shards_closed,
    a_stream_is_switched_on_and_off_once_each,
    a_write_that_changes_nothing_makes_no_record,
    every_shard_says_where_it_starts,
    an_unknown_table_is_resource_not_found,
    a_second_create_of_a_table_is_resource_in_use,
}
