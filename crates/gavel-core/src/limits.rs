//! Every bound of the service, in one place, checked against each other at compile time.
//!
//! Units stand last in the names. A bound that an operator may change is a default here and a
//! field of `gavel_server::config::Args`.

use std::time::Duration;

// Terms of an auction.
/// A title, in bytes of UTF-8.
pub const TITLE_BYTES_MAX: usize = 200;
/// A description, in bytes of UTF-8.
pub const DESCRIPTION_BYTES_MAX: usize = 10_000;
/// The least step, at most: a 1,024th of the largest amount, so that there is always room for bids.
pub const INCREMENT_MINOR_UNITS_MAX: u64 = (1 << 43) - 1;
/// How far ahead an auction may end.
pub const AUCTION_DURATION_MAX: Duration = Duration::from_secs(366 * 24 * 3600);
/// The soft close window, in seconds.
pub const SOFT_CLOSE_SECONDS_MAX: u32 = 3600;
/// How often a soft close may move the end.
pub const SOFT_CLOSE_EXTENSIONS_MAX: u32 = 1000;
/// An idempotency key, in bytes.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 128;
/// A user id (`sub`), in bytes.
pub const USER_ID_BYTES_MAX: usize = 128;

/// The number of an auction's last bid: what an item's key can hold in order.
pub const SEQUENCE_MAX: u64 = 999_999_999_999;

// Bidding lane.
/// Actions in one transaction (AWS: SOURCES.md#writes).
pub const TRANSACTION_ACTIONS_MAX: usize = 100;
/// Bids committed in one transaction, by default and at most.
pub const GROUP_COMMIT_MAX: usize = 40;
/// Commands that wait for one lane; a further one is OVERLOADED.
pub const LANE_QUEUE_MAX: usize = 1_000;
/// Lanes at a time; each is a task and the state of one busy auction.
pub const LANES_MAX: usize = 10_000;
/// A lane without work ends after this.
pub const LANE_IDLE: Duration = Duration::from_secs(60);
/// Answers to keyed bids that a lane remembers, to answer repeats without a read.
pub const LANE_RECENT_KEYS_MAX: usize = 1_000;
/// Tries of a group whose version was taken by another server, then CONTENTION.
pub const CONFLICT_TRIES_MAX: u32 = 10;
/// How long a group with an unknown outcome is sent again.
pub const UNKNOWN_OUTCOME_RETRY: Duration = Duration::from_secs(30);
/// How long a request that was certainly not written is tried again, then STORE_UNAVAILABLE.
pub const UNAVAILABLE_RETRY: Duration = Duration::from_secs(3);
/// A bid that has waited so long for its first write is STORE_UNAVAILABLE.
pub const BID_WAIT_MAX: Duration = Duration::from_secs(10);
/// Closing waits this long after the end: at least the clock skew allowed between servers.
pub const CLOSE_GRACE: Duration = Duration::from_millis(500);
/// A client's stamp that lies further from the service's clock says nothing about the way between.
pub const SENT_AT_SKEW_MAX: Duration = Duration::from_secs(60);
/// How far the clocks of servers, and of DynamoDB, may lie apart.
pub const CLOCK_SKEW_MAX: Duration = Duration::from_millis(500);
const _: () = assert!(CLOSE_GRACE.as_millis() >= CLOCK_SKEW_MAX.as_millis());
/// How long an idempotency key is kept.
pub const IDEMPOTENCY_KEPT: Duration = Duration::from_secs(24 * 3600);
const _: () = assert!(1 + 2 * GROUP_COMMIT_MAX <= TRANSACTION_ACTIONS_MAX);
const _: () = assert!(LANE_RECENT_KEYS_MAX >= GROUP_COMMIT_MAX);

// Store.
/// The connect time-out of both SDK clients.
pub const STORE_CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long credentials may take to be obtained: less than an attempt, whose own time-out does not
/// say whether anything was sent.
pub const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(2);
/// The time-out of one attempt of a write or a read.
pub const STORE_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
const _: () = assert!(CREDENTIALS_TIMEOUT.as_millis() < STORE_ATTEMPT_TIMEOUT.as_millis());
/// Bids in a page read from the table.
pub const STORE_PAGE_BIDS: usize = 200;
/// Queries for one page of bids: DynamoDB cuts an answer at 1 MB, and others' items between bids
/// count, too.
pub const STORE_PAGE_QUERIES_MAX: usize = 1_000;
/// Items in one BatchGetItem (AWS limit).
pub const BATCH_GET_MAX: usize = 100;
/// Items in one TransactGetItems (AWS limit).
pub const TRANSACT_GET_MAX: usize = 100;
/// Tries of a BatchGetItem that leaves keys unprocessed.
pub const BATCH_GET_TRIES: u32 = 10;
/// The pause between them.
pub const BATCH_GET_PAUSE: Duration = Duration::from_millis(50);
/// Requests that read the table for queries and watchers at a time; further ones wait. Those of lanes
/// and of the schedule are not among them.
pub const TABLE_READS_MAX: usize = 64;
/// Such requests for queries of a user, or of an address without a token, at a time: what one list of
/// auctions asks at once.
pub const READS_PER_CLIENT_MAX: usize = 16;
const _: () = assert!(READS_PER_CLIENT_MAX >= DUE_PARTITIONS as usize);
const _: () = assert!(2 * READS_PER_CLIENT_MAX <= TABLE_READS_MAX);
/// Partitions of each phase of the index of what is due.
pub const DUE_PARTITIONS: u8 = 16;
/// Auctions of each partition that one look at the schedule takes.
pub const DUE_PAGE: usize = 50;
/// How often the schedule looks for auctions to open and to close.
pub const SCHEDULE_EVERY: Duration = Duration::from_millis(500);
/// How often it looks at every partition, for what other servers wrote; at the others when something
/// is due in them.
pub const SCHEDULE_LOOK_EVERY: Duration = Duration::from_secs(5);
/// Auctions that the schedule opens and closes at a time.
pub const SCHEDULE_IN_FLIGHT_MAX: usize = 6;
const _: () = assert!(SCHEDULE_IN_FLIGHT_MAX * 100 <= LANES_MAX);

// Broker.
/// Auctions watched on one server at a time.
pub const TOPICS_MAX: usize = 100_000;
/// Bids that a topic keeps for watchers that resume.
pub const TOPIC_BACKLOG_MAX: usize = 256;
/// Bids that came early and wait for those before them; further ones are read from the table.
pub const TOPIC_EARLY_MAX: usize = 256;
/// A topic without watchers is dropped after this.
pub const TOPIC_IDLE: Duration = Duration::from_secs(30);
/// How often live topics are checked against the table.
pub const TOPIC_CHECK_EVERY: Duration = Duration::from_secs(10);
/// A shard that has shown no record for so long may stand still: auctions whose bids it may hide are
/// then read from the table.
pub const STREAM_QUIET_AFTER: Duration = Duration::from_millis(750);
/// How often it is looked at which.
pub const QUIET_CHECK_EVERY: Duration = Duration::from_millis(250);
/// Watched auctions that are read from the table in a second meanwhile, at most.
pub const QUIET_CHECKS_PER_SECOND_MAX: usize = 100;
/// Requests of a check that fail in a row before it leaves the rest to the next one.
pub const CHECK_ERRORS_MAX: u32 = 2;
/// Requests of a check that are under way at a time.
pub const CHECKS_IN_FLIGHT: usize = 4;
/// How often the broker looks for expired demand.
pub const BROKER_TICK: Duration = Duration::from_millis(50);
/// How long a gap may last before it is read from the table.
pub const REPAIR_PATIENCE: Duration = Duration::from_millis(10);
/// The pause after a repair read nothing.
pub const REPAIR_PAUSE: Duration = Duration::from_millis(20);
/// The pause after a repair could not read.
pub const REPAIR_ERROR_PAUSE: Duration = Duration::from_millis(250);
const _: () = assert!(TOPIC_BACKLOG_MAX <= STORE_PAGE_BIDS * 2);
/// A bid that the table does not show for so long although it was committed has been deleted.
pub const HOLE_STANDS: Duration = Duration::from_secs(2);
/// The pause before the table is asked for it again.
pub const HOLE_PAUSE: Duration = Duration::from_millis(100);
/// Holes that a topic remembers; beyond them the oldest is found anew.
pub const TOPIC_HOLES_MAX: usize = 64;

// GraphQL.
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

// WebSocket.
/// Frames queued for one socket, all its operations together.
pub const SOCKET_QUEUE_MAX: usize = 4096;
/// Frames queued for one subscription; one more is SLOW_CONSUMER.
pub const SUBSCRIPTION_QUEUE_MAX: usize = 1024;
/// Bytes of frames queued for one socket; one more is SLOW_CONSUMER for its subscription.
pub const SOCKET_QUEUE_BYTES_MAX: usize = 1024 * 1024;
/// Of these, bytes that count towards nobody's budget.
pub const SOCKET_QUEUE_BYTES_FREE: usize = 32 * 1024;
/// Replayed bytes that are queued for one socket at a time.
pub const REPLAY_QUEUE_BYTES_MAX: usize = 64 * 1024;
const _: () = assert!(EVENT_BYTES_MAX <= REPLAY_QUEUE_BYTES_MAX);
/// Replayed frames of one subscription that are queued at a time.
pub const REPLAY_QUEUE_MAX: usize = 64;
/// Payloads that a group keeps for members that resume.
pub const GROUP_RING_MAX: usize = 256;
/// Their bytes, but for the last one's.
pub const GROUP_RING_BYTES_MAX: usize = 128 * 1024;
/// Bids that a group takes in one turn.
pub const GROUP_TURN_MAX: usize = 64;
/// Sockets that a group writes to before it lets other tasks of its thread run: about 2.5 ms.
pub const GROUP_WRITES_MAX: usize = 512;
/// The same in a burst, where a write carries several events: it is larger, and there are fewer.
pub const GROUP_BURST_WRITES_MAX: usize = 64;
/// Members from which on a group lets other tasks of its thread run before a burst, too.
pub const GROUP_LARGE: usize = 128;
/// Members of a group for each task that writes to them. Two tasks cost about a tenth more CPU a
/// delivery than one, so a crowd must be worth it.
pub const GROUP_SHARE: usize = 1_000;
/// Members whose state a group looks up together, before it writes to the first of them.
pub const GROUP_LOOK_AHEAD: usize = 16;
/// Joins that wait for one group; further ones wait for a place.
pub const GROUP_JOINS_MAX: usize = 64;
/// A group without members ends after this.
pub const GROUP_IDLE: Duration = Duration::from_secs(10);
const _: () = assert!(GROUP_RING_MAX < SUBSCRIPTION_QUEUE_MAX);
const _: () = assert!(GROUP_RING_MAX <= TOPIC_BACKLOG_MAX);
const _: () = assert!(SUBSCRIPTION_QUEUE_MAX <= SOCKET_QUEUE_MAX);

// Clients. Each is a default, and a flag.
/// HTTP connections of an address at a time, sockets not counted.
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = 256;
/// Sockets of an address at a time: an office behind one address, not a house.
pub const SOCKETS_PER_ADDRESS_MAX: usize = 1_000;
/// Sockets of a user at a time.
pub const SOCKETS_PER_USER_MAX: usize = 20;
/// New sockets of an address in a second.
pub const HANDSHAKES_PER_SECOND_MAX: u32 = 100;
/// Bids of a user in a second.
pub const BIDS_PER_USER_PER_SECOND_MAX: u32 = 20;
/// Auctions that a user makes in a second.
pub const AUCTIONS_PER_USER_PER_SECOND_MAX: u32 = 10;
/// Bids on an auction in a second: some times what AWS takes (SOURCES.md#writes), for most are
/// refused.
pub const BIDS_PER_AUCTION_PER_SECOND_MAX: u32 = 2_000;
/// Points of work of a user in a second: a point is about what one field takes.
pub const WORK_PER_USER_MAX: u32 = 20_000;
/// The same of callers without a token of one address.
pub const WORK_PER_ADDRESS_MAX: u32 = 20_000;
/// The same of all callers of one address, with tokens or without.
pub const ALL_WORK_PER_ADDRESS_MAX: u32 = 100_000;
/// The same of all callers without a token.
pub const ANONYMOUS_WORK_MAX: u32 = 100_000;
/// What may be asked for at once comes back in this time.
pub const WORK_BURST: Duration = Duration::from_secs(2);
/// Operations of a socket in a second.
pub const OPERATIONS_PER_SECOND_MAX: u32 = 50;
/// Messages of a socket in a second: it is read no faster.
pub const MESSAGES_PER_SECOND_MAX: u32 = 500;
/// Requests for /healthz, /readyz and /metrics of an address in a second, where they are on the
/// public address.
pub const PROBES_PER_SECOND_MAX: u32 = 20;
/// Messages on all sockets of a user, or of an address, in a second: they are read no faster.
pub const MESSAGES_PER_CLIENT_MAX: u32 = 2_000;
/// How long a request that is over its budget waits for its answer, at least and at most: its
/// connection asks for nothing meanwhile, so that refusals cost little.
pub const REFUSAL_PAUSE_MIN: Duration = Duration::from_millis(250);
/// The most of it.
pub const REFUSAL_PAUSE_MAX: Duration = Duration::from_millis(500);
/// Bids of history that a user, or an address, is sent in a second; further ones wait.
pub const REPLAYS_PER_SECOND_MAX: u32 = 2_000;
/// The same of all callers without a token.
pub const ANONYMOUS_REPLAYS_MAX: u32 = 8_000;
/// What may be sent at once comes back in this time.
pub const REPLAY_BURST: Duration = Duration::from_secs(2);
/// Bytes of answers that a user, or an address, has not read.
pub const ANSWER_BYTES_PER_CLIENT_MAX: usize = 8 * 1024 * 1024;
/// Bytes of answers that nobody has read.
pub const ANSWER_BYTES_IN_MEMORY_MAX: usize = 64 * 1024 * 1024;
const _: () = assert!(ANSWER_BYTES_MAX <= ANSWER_BYTES_PER_CLIENT_MAX);
const _: () = assert!(ANSWER_BYTES_PER_CLIENT_MAX <= ANSWER_BYTES_IN_MEMORY_MAX);
const _: () = assert!(2 * QUERY_COMPLEXITY_MAX as u32 <= WORK_PER_ADDRESS_MAX * 2);
/// Bytes of an address's messages on sockets that are not whole yet.
pub const UNREAD_BYTES_PER_ADDRESS_MAX: usize = 8 * 1024 * 1024;
/// Of each message, bytes that count towards nobody's budget.
pub const UNREAD_BYTES_FREE: usize = 4 * 1024;
/// What a group weighs beside the points of its events: it executes and encodes each by itself.
pub const GROUP_WEIGHT: usize = 25;
/// Weight of the groups that an address has begun.
pub const GROUPS_PER_ADDRESS_MAX: usize = 20_000;
/// Weight of the groups of one auction: each of its bids costs as much.
pub const GROUPS_PER_AUCTION_MAX: usize = 20_000;
/// Weight of all groups.
pub const GROUPS_MAX: usize = 400_000;
const _: () = assert!(GROUP_WEIGHT + SUBSCRIPTION_COMPLEXITY_MAX <= GROUPS_PER_AUCTION_MAX);
/// Addresses, users or auctions whose rate is remembered; one more waits.
pub const RATE_KEYS_MAX: usize = 100_000;
/// How often those that are within their rate again are forgotten.
pub const RATE_TIDY_EVERY: Duration = Duration::from_secs(1);

// HTTP.
/// Connections at a time; further ones wait in the kernel's queue. Sockets have a bound of their own.
pub const CONNECTIONS_MAX: usize = 10_000;
/// Connections that wait in that queue for being accepted, as far as the kernel allows
/// (`net.core.somaxconn`). A client beyond it is not refused: it tries again after a second, and what
/// it has sent may be answered with a reset.
pub const LISTEN_QUEUE_MAX: u32 = 4_096;
/// How long the head of a request may take, and a connection before its first request.
pub const HTTP_HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The head of a request.
pub const HTTP_HEAD_BYTES_MAX: usize = 64 * 1024;
/// How long the body of a request may take.
pub const HTTP_BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may rest between requests: longer than the balancer in front keeps it (120
/// s in deploy/gavel.yaml), or a request is lost that the balancer sends while the service closes.
pub const HTTP_KEEP_ALIVE: Duration = Duration::from_secs(130);
/// A connection whose client takes nothing of its answer for so long is reset.
pub const HTTP_WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may go on with what it has begun when the service stops.
pub const HTTP_DRAIN_TIMEOUT: Duration = Duration::from_secs(15);
/// Connections too many that are answered at a time; further ones are closed without an answer.
pub const REFUSALS_MAX: usize = 100;
/// An answer's bytes that a connection is handed at a time.
pub const ANSWER_PIECE_BYTES: usize = 16 * 1024;
/// How long the answer to a connection too many may take.
pub const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);
/// The pause after a connection could not be accepted.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// Answers from this size on are compressed, for clients that take that.
pub const COMPRESSED_BYTES_MIN: u16 = 1024;
/// Answers that are compressed at a time; further ones are sent as they are.
pub const COMPRESSIONS_MAX: usize = 64;
/// How long a browser may remember what CORS allows.
pub const CORS_MAX_AGE: Duration = Duration::from_secs(3600);
/// A request's body.
pub const HTTP_BODY_BYTES_MAX: usize = 128 * 1024;
/// The file by which the playground's assets are known to be installed.
pub const PLAYGROUND_PROBE: &str = "graphiql@3.9.0/graphiql.min.js";

// Readiness.
/// How often it is looked at whether the service can serve.
pub const READY_EVERY: Duration = Duration::from_secs(2);
/// How long that waits for the store.
pub const READY_TIMEOUT: Duration = Duration::from_secs(2);
/// A store that fails for so long cannot serve.
pub const STORE_DOWN_AFTER: Duration = Duration::from_secs(5);
/// How long a start waits for the relay before the service is ready without it.
pub const RELAY_START_GRACE: Duration = Duration::from_secs(15);
/// How long the item of a probe is kept.
pub const PROBE_KEPT: Duration = Duration::from_secs(24 * 3600);

// Shutdown.
/// How long shutdown waits for requests, sockets and lanes together, before it gives up.
pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(20);
const _: () = assert!(HTTP_WRITE_TIMEOUT.as_secs() < HTTP_DRAIN_TIMEOUT.as_secs());
const _: () = assert!(HTTP_DRAIN_TIMEOUT.as_secs() < SHUTDOWN_TIMEOUT.as_secs());
/// How long shutdown waits for the last traces to be taken.
pub const TRACE_FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

// Tokens.
/// The shared secret, in bytes.
pub const JWT_SECRET_BYTES_MIN: usize = 32;
/// A token, in bytes.
pub const TOKEN_BYTES_MAX: usize = 4096;
/// How long before its token expires an open socket is told.
pub const TOKEN_WARNING: Duration = Duration::from_secs(30);
/// The most that the leeway may be set to.
pub const TOKEN_LEEWAY_MAX: Duration = Duration::from_secs(300);
/// How often a JWK set is fetched again.
pub const JWKS_REFRESH_EVERY: Duration = Duration::from_secs(300);
/// The least time between two fetches, however many unknown keys are named.
pub const JWKS_REFRESH_PAUSE: Duration = Duration::from_secs(5);
/// How long a fetch may take, and a token of an unknown key waits for it.
pub const JWKS_TIMEOUT: Duration = Duration::from_secs(3);
/// A JWK set, in bytes.
pub const JWKS_BYTES_MAX: usize = 256 * 1024;
/// Keys of a JWK set that are kept.
pub const JWKS_KEYS_MAX: usize = 64;
/// The least RSA key, in bits.
pub const RSA_BITS_MIN: usize = 2048;
/// How long after its expiry a token is still taken, for clocks that differ.
pub const TOKEN_LEEWAY: Duration = Duration::from_secs(5);

// Demand.
/// A committed write that the stream has not shown after this is read from the table: above the
/// published p99 of propagation (SOURCES.md#latency: 433 ms with a busy reader).
pub const DEMAND_EXPIRY: Duration = Duration::from_millis(500);

// Relay.
/// How often the stream is described, to find new shards.
pub const DESCRIBE_EVERY: Duration = Duration::from_secs(10);
/// How soon after a shard's end its children are looked for.
pub const DESCRIBE_AFTER_END: Duration = Duration::from_millis(100);
/// What a GetRecords call costs on AWS, about, in US dollars (SOURCES.md#streams: $0.02 per
/// 100,000).
pub const READ_PRICE_USD: f64 = 0.02 / 100_000.0;
/// A shard that is said to be gone for so long has ended: what it may have held is in the table.
pub const SHARD_GONE_AFTER: Duration = Duration::from_secs(3);
/// The pause after a description failed, at first, or while no shard is read.
pub const DESCRIBE_PAUSE: Duration = Duration::from_millis(500);
/// The least time between two calls of DescribeStream, and so between two pages: AWS allows 10 a
/// second and stream, and another server reads it, too.
pub const DESCRIBE_PAGE_PAUSE: Duration = Duration::from_millis(250);
/// How often the table is asked which stream it has while the one that is read says nothing more.
pub const LOOK_UP_PAUSE: Duration = Duration::from_secs(1);
/// How often in any case.
pub const LOOK_UP_EVERY: Duration = Duration::from_secs(60);
/// A page of at least so many records is followed by the next at once.
pub const STREAM_PAGE_LARGE: usize = 500;
/// A shard that cannot be read for so long, or no shard at all, makes the server degraded.
pub const RELAY_DEGRADED_AFTER: Duration = Duration::from_secs(5);

// Sockets.
/// How long a client may take to send connection_init (the reference's default).
pub const INIT_TIMEOUT: Duration = Duration::from_secs(3);
/// A socket without an operation is closed after this.
pub const SOCKET_IDLE: Duration = Duration::from_secs(600);
/// Sockets at a time; further ones are refused.
pub const SOCKETS_MAX: usize = 100_000;
/// How often a client is pinged (the reference's default).
pub const PING_EVERY: Duration = Duration::from_secs(12);
/// How long it may take to say anything after that.
pub const PONG_TIMEOUT: Duration = Duration::from_secs(12);
/// The end of either wait, counted anew from when this process notices that it has come to that.
pub const LAST_LOOK: Duration = Duration::from_secs(1);
/// An operation's id, in bytes: it is part of every frame.
pub const OPERATION_ID_BYTES_MAX: usize = 64;
/// Subscriptions of one socket at a time.
pub const OPERATIONS_PER_SOCKET_MAX: usize = 100;
/// Queries and mutations of one socket at a time, beside its subscriptions: a socket that watches as
/// much as it may can still bid, and renew its token.
pub const SHORT_OPERATIONS_PER_SOCKET_MAX: usize = 50;
/// A message of a client.
pub const SOCKET_MESSAGE_BYTES_MAX: usize = 128 * 1024;
/// Allocated with each socket.
pub const SOCKET_READ_BUFFER_BYTES: usize = 1024;
/// Filled before a write is made without a flush.
pub const SOCKET_WRITE_BUFFER_BYTES: usize = 64 * 1024;
/// The kernel's send buffer of each connection (it doubles this): what a client that stops reading
/// can hold outside of the process.
pub const SOCKET_SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Frames written in one go.
pub const WRITE_BATCH_MAX: usize = 64;
/// A socket on which a batch cannot be written for so long is closed 1013, then reset.
pub const SOCKET_WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a close frame may take, and then the peer's answer.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
