//! Limits of GraphQL documents and their answers.

use gavel_core::limits::DESCRIPTION_BYTES_MAX;

/// Most entries in a page of a connection.
pub const PAGE_MAX: usize = 100;
/// Most next amounts that are listed for an auction.
pub const NEXT_BIDS_MAX: usize = 20;
/// Most ids in a list of auctions.
pub const AUCTION_IDS_MAX: usize = 100;
const _: () = assert!(AUCTION_IDS_MAX <= gavel_core::limits::BATCH_GET_MAX);
const _: () = assert!(AUCTION_IDS_MAX <= PAGE_MAX && NEXT_BIDS_MAX <= PAGE_MAX);
/// Pages of a caller's auctions that are read for one page of standings.
pub const STANDINGS_WINDOWS_MAX: usize = 10;
/// Most documents that are known by their hash.
pub const PERSISTED_QUERIES_MAX: usize = 1_000;
/// Most bytes of them.
pub const PERSISTED_QUERIES_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Deepest nesting of a query; GraphiQL's introspection needs 15.
pub const QUERY_DEPTH_MAX: usize = 16;
/// Largest document, in bytes.
pub const QUERY_BYTES_MAX: usize = 16 * 1024;
/// Most nodes in a document: selections, arguments, values, directives and variables. Each may be
/// an error of validation.
pub const QUERY_NODES_MAX: usize = 2_000;
/// Most bytes of JSON in the variables that an operation declares.
pub const VARIABLES_BYTES_MAX: usize = 64 * 1024;
/// Most values in these variables, at any depth.
pub const VARIABLE_VALUES_MAX: usize = 1_000;
/// Most points of an operation: its fields, each multiplied by the page sizes around it, and its
/// reads of the table, counted in fields.
pub const QUERY_COMPLEXITY_MAX: usize = 10_000;
/// The largest answer that an operation may ask for, in bytes.
pub const ANSWER_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Most errors in an answer; the last one gives the number of others.
pub const ERRORS_MAX: usize = 10;
/// Number of fields from which on an operation runs on a thread that serves nothing else: some
/// milliseconds. Waiting for the table keeps no thread busy, and does not count.
pub const HEAVY_FIELDS: u64 = 1_000;
/// The same, by the nodes of its document, which are validated before anything runs.
pub const HEAVY_NODES: usize = 200;
/// The same, by its bytes, which are parsed before anything is known.
pub const HEAVY_BYTES: usize = 2_048;
/// Cores per thread that computes such operations; the other threads use the rest.
pub const CORES_PER_COMPUTE_THREAD: usize = 2;
/// Concurrent such operations, including those that wait for the table; more wait.
pub const HEAVY_OPERATIONS_MAX: usize = 16;
/// Largest document and variables of a subscription, in bytes together.
pub const SUBSCRIPTION_BYTES_MAX: usize = 8 * 1024;
/// Most points for one event of a subscription.
pub const SUBSCRIPTION_COMPLEXITY_MAX: usize = 500;
/// The largest event that a subscription may ask for, in bytes.
pub const EVENT_BYTES_MAX: usize = 32 * 1024;
const _: () = assert!(SUBSCRIPTION_BYTES_MAX <= QUERY_BYTES_MAX + VARIABLES_BYTES_MAX);
const _: () = assert!(EVENT_BYTES_MAX >= DESCRIPTION_BYTES_MAX * 5 / 4 + 4096);
/// Deepest nesting that the parser accepts.
pub const QUERY_RECURSION_MAX: usize = 32;
/// Open brackets of a document at any point: the parser takes stack for each.
pub const DOCUMENT_BRACKETS_MAX: usize = 128;
/// Most selections in a document, with fragments expanded.
pub const QUERY_SELECTIONS_MAX: usize = 2_000;
/// Most aliases in a document, with fragments expanded.
pub const QUERY_ALIASES_MAX: usize = 50;
/// Longest message of an error, in bytes: messages of the parser quote the request.
pub const ERROR_MESSAGE_BYTES_MAX: usize = 500;
/// Most directives on one field.
pub const QUERY_DIRECTIVES_MAX: usize = 8;
