//! The limits that do not depend on who asks, by the names that metrics have for them.

use gavel_core::labels;

labels! {
    /// A limit of a request, a socket or the service.
    pub Bound {
        /// A request's body.
        HttpBody = "http_body",
        /// The time for it.
        HttpBodyTime = "http_body_time",
        /// A request's head.
        HttpHead = "http_head",
        /// The time for it.
        HttpHeadTime = "http_head_time",
        /// The time between requests of a connection.
        HttpIdle = "http_idle",
        /// The time in which a client takes nothing of its answer.
        HttpWriteTime = "http_write_time",
        /// A document, in bytes.
        QueryBytes = "query_bytes",
        /// What is written in a document.
        QueryNodes = "query_nodes",
        /// The variables that an operation declares.
        Variables = "variables",
        /// The answer that an operation asks for.
        AnswerBytes = "answer_bytes",
        /// The document and variables of a subscription.
        SubscriptionBytes = "subscription_bytes",
        /// The points of a subscription's event.
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
        /// Requests to the table that queries of a user, or an address, make at a time.
        ReadsPerClient = "reads_per_client",
        /// A page.
        Page = "page",
        /// An idempotency key.
        IdempotencyKey = "idempotency_key",
        /// A message on a socket.
        SocketMessage = "socket_message",
        /// Subscriptions of a socket.
        Operations = "operations_per_socket",
        /// Queries and mutations of a socket.
        ShortOperations = "short_operations_per_socket",
        /// Messages of a socket in a second.
        MessageRate = "message_rate",
        /// An operation's id.
        OperationId = "operation_id",
        /// The time to connection_init.
        InitTime = "init_time",
        /// The time without an operation.
        SocketIdle = "socket_idle",
        /// The time to answer a ping.
        PongTime = "pong_time",
        /// The time in which nothing can be written.
        WriteTime = "write_time",
        /// Frames queued for a subscription.
        SubscriptionQueue = "subscription_queue",
        /// The life of a token on an open socket.
        TokenExpiry = "token_expiry",
        /// HTTP connections at a time.
        Connections = "http_connections",
        /// Sockets at a time.
        Sockets = "sockets",
    }
}
