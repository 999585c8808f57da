//! Compression of answers, a limited number at a time: a compressor takes some 300 KiB until its
//! answer is written, far more than most answers. Further answers are sent uncompressed.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::header::ACCEPT_ENCODING;
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, Version};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower_http::compression::CompressionLayer;

use crate::limits;

/// Marks an answer that is compressed if its client accepts that.
#[derive(Debug, Clone, Copy)]
struct HasTurn;

/// A body with the permit of its compressor.
struct InTurn {
    body: Body,
    _turn: OwnedSemaphorePermit,
}

/// Compresses the answers of these routes.
pub(super) fn compressed<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    let turns = Arc::new(Semaphore::new(limits::COMPRESSIONS_MAX));
    let has_turn = |_: StatusCode, _: Version, _: &HeaderMap, extensions: &Extensions| {
        extensions.get::<HasTurn>().is_some()
    };
    routes
        .layer(from_fn_with_state(turns, take_turn))
        .layer(CompressionLayer::new().compress_when(has_turn))
}

async fn take_turn(State(turns): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    let is_wanted = request.headers().get_all(ACCEPT_ENCODING).iter().any(takes_compressed);
    let mut response = next.run(request).await;
    let is_large = response.body().size_hint().lower() >= u64::from(limits::COMPRESSED_BYTES_MIN);
    if is_wanted
        && is_large
        && let Ok(turn) = turns.try_acquire_owned()
    {
        response.extensions_mut().insert(HasTurn);
        return response.map(|body| Body::new(InTurn { body, _turn: turn }));
    }
    response
}

/// Whether a client may accept gzip. Ignoring a weight of 0 costs a permit, and nothing else.
fn takes_compressed(encodings: &HeaderValue) -> bool {
    encodings.to_str().unwrap_or_default().to_ascii_lowercase().contains("gzip")
}

impl HttpBody for InTurn {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header::CONTENT_ENCODING;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn answers_beyond_the_turns_of_compressors_are_sent_as_they_are() {
        let routes = Router::new()
            .route("/large", get(|| async { "x".repeat(10_000) }))
            .route("/small", get(|| async { "x" }));
        let routes = compressed(routes);
        let ask = async |path, encoding| {
            let request = Request::get(path).header(ACCEPT_ENCODING, encoding);
            routes.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
        };
        let is_compressed = |answer: &Response| answer.headers().contains_key(CONTENT_ENCODING);
        for (path, encoding) in [("/small", "gzip"), ("/large", "identity")] {
            assert!(!is_compressed(&ask(path, encoding).await), "{path} {encoding}");
        }
        let mut unread = Vec::new();
        for number in 0..limits::COMPRESSIONS_MAX {
            let answer = ask("/large", "br, gzip").await;
            assert!(is_compressed(&answer), "{number}");
            unread.push(answer);
        }
        assert!(!is_compressed(&ask("/large", "gzip").await), "all are taken");
        drop(unread);
        assert!(is_compressed(&ask("/large", "gzip").await), "they are given back");
    }
}
