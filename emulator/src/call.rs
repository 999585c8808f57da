//! The words that the front and the engine share: one call, one reply.

use std::convert::Infallible;

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
}

/// One answer, its HTTP not yet put on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    /// HTTP status.
    pub(crate) status: u16,
    /// The JSON body.
    pub(crate) body: String,
}

/// Why a call gets no answer at all: its connection is closed instead.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped without an answer")]
pub(crate) struct Hangup;

impl From<Infallible> for Hangup {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
