//! Attacks, and the process that carries one out.

mod attacker;
mod http;
mod socket;
mod variables;
mod churn;
mod validation;
mod documents;
mod reading;
mod unread;
mod connections;
mod frames;
mod tokens;
mod writes;
mod appsync;
mod generated;

use std::io::Write as _;
use std::sync::Arc;

use anyhow::Context as _;

use self::attacker::Attacker;
pub(crate) use self::attacker::{Plan, Report};
use crate::judge::Told;

/// The first argument of the attacker's process.
pub(crate) const SUBCOMMAND: &str = "attacker";
/// Ordinary requests: what generated ones are compared with.
pub(crate) const REFERENCE: &str = "reference";
/// Generated requests.
pub(crate) const GENERATED: &str = "generated";

/// An attack.
pub(crate) struct Attack {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// What it sends.
    pub(crate) about: &'static str,
    pub(crate) told: Told,
    /// It shows nothing in less time.
    pub(crate) seconds_min: f64,
    /// Whether CI runs it: one or two of each family.
    pub(crate) in_ci: bool,
    start: fn(&Arc<Attacker>),
}

const fn attack(name: &'static str, about: &'static str, start: fn(&Arc<Attacker>)) -> Attack {
    Attack { name, about, told: Told::Code, seconds_min: 0.0, in_ci: false, start }
}

impl Attack {
    const fn told(self, told: Told) -> Self {
        Self { told, ..self }
    }

    const fn in_ci(self) -> Self {
        Self { in_ci: true, ..self }
    }

    const fn at_least(self, seconds_min: f64) -> Self {
        Self { seconds_min, ..self }
    }
}

/// The attack of this name.
pub(crate) fn named(name: &str) -> Option<&'static Attack> {
    ALL.iter().find(|attack| attack.name == name)
}

/// All of them, the reference first.
#[rustfmt::skip]
pub(crate) const ALL: &[Attack] = &[
    attack(REFERENCE, "ordinary requests, one after another", generated::reference).told(Told::Nothing).in_ci(),
    attack(GENERATED, "random documents, variables and operations", generated::random).in_ci(),

    // What no operation declares is not read: those that carry it are ordinary queries.
    attack("undeclared-variables", "subscriptions that keep undeclared variables of 120 KB", variables::undeclared).in_ci(),
    attack("undeclared-variables-http", "queries with undeclared variables of 120 KB", variables::undeclared_http).told(Told::Nothing),
    attack("declared-variables", "a variable of 120 KB in an input that cannot take it", variables::declared),
    attack("nested-variables", "variables nested a hundred deep, by the thousand", variables::nested).told(Told::Nothing).in_ci(),
    attack("many-variables", "thousands of variables, declared and unused", variables::many),

    attack("churn-made-up", "subscribe and complete in a loop, on auctions that do not exist", churn::made_up).in_ci(),
    attack("churn-existing", "subscribe and complete in a loop, on one auction", churn::existing).in_ci(),
    attack("churn-distinct", "the same with a document of its own each time", churn::distinct),
    attack("operation-flood", "cheap queries on sockets, as fast as they go", churn::queries),

    attack("unknown-arguments", "a field with tens of thousands of unknown arguments", validation::arguments).in_ci(),
    attack("unknown-fields", "a fragment of unknown fields that nothing spreads", validation::unspread),
    attack("unknown-spreads", "spreads of fragments that do not exist", validation::spreads),
    attack("unknown-directives", "fields with directives that do not exist", validation::directives),
    attack("unknown-types", "fragments and variables of types that do not exist", validation::types).in_ci(),
    attack("duplicate-names", "operations, variables and arguments of one name", validation::duplicates).in_ci(),
    attack("bad-values", "enum values, objects and lists where they cannot be", validation::values),

    attack("many-operations", "thousands of operations in a document", documents::operations),
    attack("aliases", "one costly field under many names", documents::aliases),
    attack("typenames", "1,900 __typename in each of thousands of nodes", documents::typenames).in_ci(),
    attack("duplicate-fields", "the same field thousands of times", documents::duplicates),
    attack("introspection", "__schema nested as deep as may be", documents::introspection).in_ci(),
    attack("complexity-overflow", "a second operation whose cost wraps around", documents::overflow).in_ci(),
    attack("nested-documents", "selections, values and lists nested without end", documents::nested),
    attack("parser-load", "tokens, comments and strings that a parser walks", documents::tokens),
    attack("fragment-chains", "fragments that spread the next one twice", documents::fragments),

    attack("bid-pages", "a page of auctions with a page of bids each, anonymously", reading::pages),
    attack("bid-pages-users", "the same by a thousand users on one address", reading::pages_of_users),
    attack("bid-pages-gzip", "the same, and compressed", reading::pages_gzip),
    attack("subscription-reads", "subscriptions that read 49 pages of bids a state", reading::in_subscriptions).in_ci(),
    attack("heavy-subscriptions", "a thousand subscriptions of 2,000 fields each", reading::heavy).in_ci(),
    attack("replays", "10,000 bids from the beginning, again and again", reading::replays).in_ci(),
    attack("large-answers", "kilobytes asked, megabytes answered", reading::large).in_ci(),

    attack("unread-http", "HTTP clients that ask for much and do not read", unread::http).told(Told::Count).at_least(15.0),
    attack("unread-sockets", "sockets that ask for much and do not read", unread::sockets).told(Told::Count).at_least(15.0),
    attack("unread-replays", "replays to sockets that do not read", unread::replays).told(Told::Count).at_least(15.0),
    attack("slow-readers", "answers that are read a byte at a time", unread::slow).told(Told::Count).at_least(15.0),

    attack("connection-flood", "connections that are opened and closed", connections::flood).told(Told::Nothing),
    attack("connection-hold", "connections that are opened and held", connections::hold),
    attack("handshake-flood", "upgrades as fast as they go", connections::handshakes),
    attack("idle-sockets", "sockets that say nothing after their upgrade", connections::idle).in_ci(),
    attack("half-requests", "heads and bodies that never end", connections::half),
    // Told a code when the time for a body is over: longer than an attack lasts in CI.
    attack("byte-bodies", "bodies that come byte by byte", connections::byte_bodies),
    attack("pipelined-requests", "requests a hundred at a time, without waiting", connections::pipelined),
    attack("http-errors", "requests that are refused before they are read", connections::errors),
    attack("health-flood", "/readyz and /metrics as fast as they go", connections::health),

    // It stays within its budget of messages.
    attack("byte-frames", "messages in frames of one byte", frames::bytes).told(Told::Nothing),
    attack("ping-flood", "pings of both layers", frames::pings),
    attack("continuations", "empty continuation frames without end", frames::continuations),
    attack("binary-frames", "binary messages of 120 KB", frames::binary),
    attack("invalid-frames", "frames that are none", frames::invalid),

    attack("appsync-cuts", "subscriptions of AppSync's clients on sockets that are cut at once", appsync::cuts).in_ci(),
    attack("appsync-churn", "start and stop in a loop, on one auction", appsync::churn),
    attack("appsync-channels", "channels that do not exist, and messages that are none", appsync::channels).in_ci(),

    attack("renew-flood", "renewToken in a loop, good tokens and bad", tokens::renew),
    attack("bad-tokens", "tokens of 4 KB with bad signatures", tokens::bad).in_ci(),

    attack("auction-flood", "createAuction by one seller, all with one end", writes::auctions),
    attack("rejected-bids", "bids that are too low, by many users", writes::rejected),
    attack("bad-keys", "bids with keys and amounts that cannot be", writes::bad_keys),
    attack("bad-cursors", "pages after cursors that are made up", writes::cursors),

    attack("everything", "eight of these at the same time", everything).in_ci(),
];

/// One of each family that harms by itself.
fn everything(attacker: &Arc<Attacker>) {
    let some: [fn(&Arc<Attacker>); 8] = [
        variables::undeclared,
        churn::made_up,
        validation::arguments,
        documents::aliases,
        reading::replays,
        reading::large,
        connections::handshakes,
        generated::random,
    ];
    some.into_iter().for_each(|start| start(attacker));
}

/// The attacker's process: reads its plan, says that it is ready, attacks, says what it did, and
/// holds what it has open until its standard input ends.
#[tokio::main(worker_threads = 2)]
pub(crate) async fn run() -> anyhow::Result<bool> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let plan: Plan = serde_json::from_str(&line)?;
    let attack = named(&plan.attack).context("no such attack")?;
    let attacker = Attacker::new(plan);
    say("ready")?;
    std::io::stdin().read_line(&mut line)?;
    attacker.begin();
    (attack.start)(&attacker);
    attacker.ended().await;
    say(&serde_json::to_string(&attacker.report())?)?;
    tokio::task::spawn_blocking(move || std::io::stdin().read_line(&mut line)).await??;
    // At once, with all that it has open.
    std::process::exit(0)
}

fn say(line: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}
