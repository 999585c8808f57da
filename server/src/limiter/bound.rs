//! The limits that do not depend on the client, by their names in metrics.

use gavel_core::labels;

labels! {
    /// A limit of a request, a socket or the service.
    pub Bound {
        /// The body of a request.
        HttpBody = "http_body",
        /// The time for the body of a request.
        HttpBodyTime = "http_body_time",
        /// The head of a request.
        HttpHead = "http_head",
        /// The time for the head of a request.
        HttpHeadTime = "http_head_time",
        /// The time between requests of a connection.
        HttpIdle = "http_idle",
        /// The time in which a client reads nothing of its answer.
        HttpWriteTime = "http_write_time",
        /// A document, in bytes.
        QueryBytes = "query_bytes",
        /// The nodes of a document.
        QueryNodes = "query_nodes",
        /// The variables that an operation declares.
        Variables = "variables",
        /// The answer that an operation asks for.
        AnswerBytes = "answer_bytes",
        /// The document and variables of a subscription.
        SubscriptionBytes = "subscription_bytes",
        /// The points of one event of a subscription.
        SubscriptionComplexity = "subscription_complexity",
        /// The event that a subscription asks for.
        EventBytes = "event_bytes",
        /// A subscription that would read the table at each event.
        SubscriptionReads = "subscription_reads",
        /// Nesting of a query.
        QueryDepth = "query_depth",
        /// Fields of a query.
        QueryComplexity = "query_complexity",
        /// Selections of a document.
        QuerySelections = "query_selections",
        /// Aliases of a document.
        QueryAliases = "query_aliases",
        /// Directives on a field.
        QueryDirectives = "query_directives",
        /// Nesting that the parser follows.
        QueryNesting = "query_nesting",
        /// Concurrent requests to the table for queries of a user, or an address.
        ReadsPerClient = "reads_per_client",
        /// The size of a page.
        Page = "page",
        /// The ids of a list of auctions.
        AuctionIds = "auction_ids",
        /// The length of an idempotency key.
        IdempotencyKey = "idempotency_key",
        /// The size of a message on a socket.
        SocketMessage = "socket_message",
        /// Subscriptions of a socket.
        Operations = "operations_per_socket",
        /// Queries and mutations of a socket.
        ShortOperations = "short_operations_per_socket",
        /// Messages a second per socket.
        MessageRate = "message_rate",
        /// The id of an operation.
        OperationId = "operation_id",
        /// The time to connection_init.
        InitTime = "init_time",
        /// The time without an operation.
        SocketIdle = "socket_idle",
        /// The time for a message, from its first byte to its last.
        MessageTime = "message_time",
        /// The time to answer a ping.
        PongTime = "pong_time",
        /// The time in which nothing can be written.
        WriteTime = "write_time",
        /// Frames queued for a subscription.
        SubscriptionQueue = "subscription_queue",
        /// The life of a token on an open socket.
        TokenExpiry = "token_expiry",
        /// Concurrent HTTP connections.
        Connections = "http_connections",
        /// Concurrent sockets.
        Sockets = "sockets",
    }
}
