//! The files of the page; a test compares the list with the tree.

/// A file, under the path that it has in the tree.
#[derive(Debug)]
pub(super) struct File {
    pub(super) path: &'static str,
    pub(super) text: &'static str,
}

macro_rules! files {
    ($($path:literal,)*) => {
        &[$(File {
            path: concat!("/", $path),
            text: include_str!(concat!("../../../../", $path)),
        },)*]
    };
}

pub(super) const FILES: &[File] = files![
    "clients/typescript/dist/backoff.js",
    "clients/typescript/dist/bounded-queue.js",
    "clients/typescript/dist/client.js",
    "clients/typescript/dist/connection-state.js",
    "clients/typescript/dist/connection.js",
    "clients/typescript/dist/cursor.js",
    "clients/typescript/dist/errors.js",
    "clients/typescript/dist/event-stream.js",
    "clients/typescript/dist/generated/operations.js",
    "clients/typescript/dist/http.js",
    "clients/typescript/dist/index.js",
    "clients/typescript/dist/link.js",
    "clients/typescript/dist/place-bid.js",
    "clients/typescript/dist/retry.js",
    "clients/typescript/dist/socket-link.js",
    "clients/typescript/dist/stream-link.js",
    "clients/typescript/dist/time.js",
    "clients/typescript/dist/token.js",
    "clients/typescript/dist/typed-document.js",
    "clients/typescript/dist/watch-auctions.js",
    "clients/typescript/dist/watch-bids.js",
    "page/bidding.js",
    "page/card.js",
    "page/chart.js",
    "page/countdown.js",
    "page/deliveries.js",
    "page/dom.js",
    "page/header.js",
    "page/history.js",
    "page/hops.js",
    "page/icon.svg",
    "page/identity.js",
    "page/language.js",
    "page/languages/en.js",
    "page/latency.js",
    "page/lobby.css",
    "page/lobby.js",
    "page/lot-view.js",
    "page/lot.css",
    "page/lot.js",
    "page/main.js",
    "page/money.js",
    "page/pace.js",
    "page/page.js",
    "page/plate.js",
    "page/session.js",
    "page/standing.js",
    "page/style.css",
    "page/ticker.js",
];
