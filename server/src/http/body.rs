//! The body of an answer, passed to the connection piece by piece; its bytes count towards a budget
//! until the last piece is written. So a client that does not read holds no more than its budget.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};

use crate::limiter::HeldBytes;
use crate::limits;

/// A body in pieces.
struct Pieces {
    rest: Bytes,
}

/// The bytes of an answer and their share of its budget, held while any piece of them exists.
struct Owned {
    bytes: Box<[u8]>,
    _held: Option<HeldBytes>,
}

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A body with these bytes, held until they are written.
pub(super) fn held(bytes: Vec<u8>, mut held: Option<HeldBytes>) -> axum::body::Body {
    if let Some(held) = &mut held {
        held.shrink_to(bytes.len());
    }
    // Without the spare capacity of a vector.
    let owned = Owned { bytes: bytes.into_boxed_slice(), _held: held };
    axum::body::Body::new(Pieces { rest: Bytes::from_owner(owned) })
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let length = self.rest.len().min(limits::ANSWER_PIECE_BYTES);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::limiter::{ClientLimiter, ClientLimits, Payer};

    #[tokio::test]
    async fn a_body_comes_whole_and_its_bytes_are_held_until_then() {
        let allowed = ClientLimits { answer_bytes_per_client: 100_000, ..ClientLimits::default() };
        let limiter = ClientLimiter::new(allowed);
        let ann = Payer::User("ann".into());
        let bytes: Vec<u8> = (0..90_000).map(|n| (n % 251) as u8).collect();
        let taken = limiter.answer(&ann, 100_000).ok();
        let mut body = held(bytes.clone(), taken);
        assert_eq!(body.size_hint().exact(), Some(90_000));
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(first.len(), limits::ANSWER_PIECE_BYTES);
        assert!(limiter.answer(&ann, 20_000).is_err(), "what is not taken is held");
        assert!(limiter.answer(&ann, 10_000).is_ok(), "and no more than that");
        let rest = body.collect().await.unwrap().to_bytes();
        assert!(limiter.answer(&ann, 20_000).is_err(), "a piece is not written yet");
        assert_eq!([&first, &rest].map(AsRef::as_ref).concat(), bytes);
        drop((first, rest));
        assert!(limiter.answer(&ann, 100_000).is_ok());
    }
}
