//! GraphQL documents, what they may ask for, and what their answers may hold.

use gavel_core::limits::DESCRIPTION_BYTES_MAX;

/// Entries in a page of a connection.
pub const PAGE_MAX: usize = 100;
/// Nesting of a query; GraphiQL's introspection needs 15.
pub const QUERY_DEPTH_MAX: usize = 16;
/// A document, in bytes.
pub const QUERY_BYTES_MAX: usize = 16 * 1024;
/// What is written in a document: selections, arguments, values, directives and variables. Each may
/// be an error of validation.
pub const QUERY_NODES_MAX: usize = 2_000;
/// The variables that an operation declares, in bytes of JSON.
pub const VARIABLES_BYTES_MAX: usize = 64 * 1024;
/// The values in them, however nested.
pub const VARIABLE_VALUES_MAX: usize = 1_000;
/// Points of an operation: its fields, each as often as its page asks for, and what reads of the
/// table are worth in fields.
pub const QUERY_COMPLEXITY_MAX: usize = 10_000;
/// The largest answer that an operation may ask for, in bytes.
pub const ANSWER_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Errors in an answer; the last one says how many there are beside.
pub const ERRORS_MAX: usize = 10;
/// Fields from which on an operation runs on a thread that serves nothing else: some milliseconds. What
/// waits for the table keeps no thread busy, and does not count.
pub const HEAVY_FIELDS: u64 = 1_000;
/// The same by the nodes of its document, which are validated before anything runs.
pub const HEAVY_NODES: usize = 200;
/// The same by its bytes, which are parsed before anything is known.
pub const HEAVY_BYTES: usize = 2_048;
/// For so many cores one thread computes such operations, so that the others have the rest.
pub const CORES_PER_COMPUTE_THREAD: usize = 2;
/// Such operations that run at a time, those that wait for the table among them; further ones wait.
pub const HEAVY_OPERATIONS_MAX: usize = 16;
/// The document and the variables of a subscription, in bytes.
pub const SUBSCRIPTION_BYTES_MAX: usize = 8 * 1024;
/// Points of each event of a subscription.
pub const SUBSCRIPTION_COMPLEXITY_MAX: usize = 500;
/// The largest event that a subscription may ask for, in bytes.
pub const EVENT_BYTES_MAX: usize = 32 * 1024;
const _: () = assert!(SUBSCRIPTION_BYTES_MAX <= QUERY_BYTES_MAX + VARIABLES_BYTES_MAX);
const _: () = assert!(EVENT_BYTES_MAX >= DESCRIPTION_BYTES_MAX * 5 / 4 + 4096);
/// Nesting that the parser follows.
pub const QUERY_RECURSION_MAX: usize = 32;
/// Brackets of a document that are open at a time: the parser takes stack for each.
pub const DOCUMENT_BRACKETS_MAX: usize = 128;
/// Selections of a document, its fragments written out.
pub const QUERY_SELECTIONS_MAX: usize = 2_000;
/// Aliases of a document, its fragments written out.
pub const QUERY_ALIASES_MAX: usize = 50;
/// An error's message, in bytes: the parser's quote the request.
pub const ERROR_MESSAGE_BYTES_MAX: usize = 500;
/// Directives on one field.
pub const QUERY_DIRECTIVES_MAX: usize = 8;
