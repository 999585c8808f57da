//! The words that the front and the engine share: one call, one reply.

use std::future::Future;
use std::pin::Pin;

use serde_json::{Value, json};

/// Names every operation the engine serves, and the engine's method for it.
macro_rules! with_operations {
    ($then:ident) => {
        $then! {
            CreateTable create_table,
            DeleteTable delete_table,
            DescribeTable describe_table,
            UpdateTable update_table,
            ListTables list_tables,
            TagResource tag_resource,
            UntagResource untag_resource,
            ListTagsOfResource list_tags_of_resource,
            UpdateTimeToLive update_time_to_live,
            DescribeTimeToLive describe_time_to_live,
            PutItem put_item,
            GetItem get_item,
            DeleteItem delete_item,
            UpdateItem update_item,
            Query query,
            Scan scan,
            BatchGetItem batch_get_item,
            BatchWriteItem batch_write_item,
            TransactWriteItems transact_write_items,
            TransactGetItems transact_get_items,
            ExecuteStatement execute_statement,
            ExecuteTransaction execute_transaction,
            BatchExecuteStatement batch_execute_statement,
            ListStreams list_streams,
            DescribeStream describe_stream,
            GetShardIterator get_shard_iterator,
            GetRecords get_records,
        }
    };
}
pub(crate) use with_operations;

macro_rules! define_operation {
    ($($name:ident $method:ident,)*) => {
        /// An operation of the DynamoDB or the DynamoDB Streams API.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum Operation { $($name,)* }

        impl Operation {
            /// Its name in the API.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// The operation that `X-Amz-Target` names after its prefix.
            pub(crate) fn from_name(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($name) => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}
with_operations!(define_operation);

/// One request, its HTTP taken off.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) operation: Operation,
    /// The JSON body as it came.
    pub(crate) body: String,
    /// The region that the client signed for: names in answers carry it.
    pub(crate) region: Box<str>,
    /// What outer layers ask of inner ones.
    pub(crate) marks: Marks,
}

/// Faults that only an inner layer can carry out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Marks {
    /// `GetRecords` is to answer no records.
    pub(crate) empty_page: bool,
    /// The transaction's token is to be taken for another one.
    pub(crate) forgotten_token: bool,
}

impl Call {
    pub(crate) fn new(operation: Operation, body: String, region: &str) -> Self {
        Self { operation, body, region: region.into(), marks: Marks::default() }
    }
}

/// What an operation works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Changes items.
    Write,
    /// Reads items.
    Read,
    /// Reads streams.
    Stream,
    /// Makes, changes or describes tables.
    Table,
}

impl Operation {
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::PutItem
            | Self::DeleteItem
            | Self::UpdateItem
            | Self::BatchWriteItem
            | Self::TransactWriteItems
            | Self::ExecuteStatement
            | Self::ExecuteTransaction
            | Self::BatchExecuteStatement => Kind::Write,
            Self::GetItem
            | Self::Query
            | Self::Scan
            | Self::BatchGetItem
            | Self::TransactGetItems => Kind::Read,
            Self::ListStreams
            | Self::DescribeStream
            | Self::GetShardIterator
            | Self::GetRecords => Kind::Stream,
            _ => Kind::Table,
        }
    }
}

/// One answer, its HTTP not yet put on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    /// HTTP status.
    pub(crate) status: u16,
    /// The JSON body.
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn ok(body: String) -> Self {
        Self { status: 200, body }
    }

    /// The error `name` of the DynamoDB API, status 400.
    pub(crate) fn refused(name: &str, message: &str) -> Self {
        Self { status: 400, body: error_body(name, message).to_string() }
    }

    /// The error `name` with any status.
    pub(crate) fn error(status: u16, name: &str, message: &str) -> Self {
        Self { status, body: error_body(name, message).to_string() }
    }

    /// The iterator is older than its life, or was made to expire.
    pub(crate) fn expired_iterator() -> Self {
        Self::refused("ExpiredIteratorException", "The shard iterator has expired.")
    }

    /// Records that the reader has not read are gone.
    pub(crate) fn trimmed_data() -> Self {
        Self::refused(
            "TrimmedDataAccessException",
            "The operation attempted to read past the oldest stream record in a shard.",
        )
    }

    /// `InternalServerError`, status 500.
    pub(crate) fn internal_error(message: &str) -> Self {
        Self { status: 500, body: error_body("InternalServerError", message).to_string() }
    }

    /// `TransactionCanceledException` with one reason an action; `None` for an
    /// action that is not to blame.
    pub(crate) fn cancelled(reasons: &[Option<(&str, &str)>]) -> Self {
        let codes: Vec<&str> = reasons.iter().map(|r| r.map_or("None", |(code, _)| code)).collect();
        let message = format!(
            "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
            codes.join(", ")
        );
        let reasons = reasons.iter().map(|reason| match reason {
            None => json!({ "Code": "None" }),
            Some((code, message)) => json!({ "Code": code, "Message": message }),
        });
        // This one error spells its message with a capital.
        let body = json!({
            "__type": error_type("TransactionCanceledException"),
            "Message": message,
            "CancellationReasons": reasons.collect::<Vec<_>>(),
        });
        Self { status: 400, body: body.to_string() }
    }
}

fn error_body(name: &str, message: &str) -> Value {
    json!({ "__type": error_type(name), "message": message })
}

fn error_type(name: &str) -> String {
    format!("com.amazonaws.dynamodb.v20120810#{name}")
}

/// Why a call gets no answer at all: its connection is closed instead.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped without an answer")]
pub(crate) struct DroppedConnection;

/// What every layer returns: a reply to come, or none.
pub(crate) type Answer = Pin<Box<dyn Future<Output = Result<Reply, DroppedConnection>> + Send>>;

/// An answer that is there already.
pub(crate) fn at_once(reply: Reply) -> Answer {
    Box::pin(std::future::ready(Ok(reply)))
}
