//! Who is on the other side, and whether they are still there.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::ws::Message;
use futures_util::SinkExt as _;
use gavel_core::clock;

use super::start::Running;
use super::{Connection, Ended, in_time};
use crate::auth::{Credentials, Session};
use crate::graphql::scalar::format_time;
use crate::limiter::Payer;
use crate::websocket::action::{Action, Refusal};
use crate::websocket::appsync::Handshake;
use crate::websocket::credentials;
use crate::websocket::expiry::Expiry;

impl Connection {
    pub(super) async fn admit(&mut self, payload: Option<&str>) -> Option<Action> {
        let admitted = match self.credentials(payload) {
            Ok(given) => self.sockets.authenticator.admit(&given, clock::now()).await,
            Err(error) => Err(error),
        };
        let principal = match admitted {
            Ok(principal) => principal,
            Err(error) => return self.protocol.refused(Refusal::Credentials(&error)),
        };
        if let Some(user_id) = &principal.user_id {
            match self.sockets.limiter.admit(user_id) {
                Ok(place) => self.place = Some(place),
                Err(_) => return self.protocol.refused(Refusal::TooManySockets),
            }
        }
        let mut ack = serde_json::json!({ "serverTime": format_time(clock::now()) });
        if let Some(at) = principal.expires_at {
            ack["tokenExpiresAt"] = format_time(at).into();
        }
        let session = Arc::new(Session::new(self.sockets.authenticator.clone(), principal));
        self.expiry = Expiry::of(&session);
        self.session = Some(session);
        self.protocol.admitted(Some(&ack.to_string()), Instant::now())
    }

    /// A ping with the server's time, and how long the token is still valid, if there is one.
    pub(super) fn ping(&self) -> String {
        let now = clock::now();
        let mut payload = serde_json::json!({ "serverTime": format_time(now) });
        if let Some(left) = self.expiry.left(now) {
            payload["tokenExpiresInMs"] =
                u64::try_from(left.as_millis()).unwrap_or(u64::MAX).into();
        }
        self.subprotocol.ping(Some(&payload.to_string()))
    }

    /// A pong confirms what was written before its ping.
    pub(super) fn confirm(&self, message: &Message) {
        if let Message::Pong(payload) = message
            && **payload == self.pings.to_be_bytes()
        {
            self.operations.values().for_each(Running::confirmed);
        }
    }

    /// Pings the client in two ways: every client answers the frame, and a `ping` message carries
    /// the server's time and how long the token is still valid.
    pub(super) async fn send_ping(&mut self) -> Result<(), Ended> {
        let text = self.ping();
        self.pings += 1;
        let number = Bytes::copy_from_slice(&self.pings.to_be_bytes());
        self.operations.values().for_each(Running::pinged);
        let write = async {
            self.socket.feed(Message::Ping(number)).await?;
            self.socket.feed(Message::Text(text.into())).await?;
            self.socket.flush().await
        };
        in_time(write).await
    }

    /// Who pays for the messages of this socket.
    pub(super) fn payer(&self) -> Payer {
        match &self.session {
            Some(session) => Payer::of(&session.principal(), self.address),
            None => Payer::Address(self.address),
        }
    }

    /// The credentials of the handshake, or those in the payload of `connection_init`.
    fn credentials(&mut self, payload: Option<&str>) -> Handshake {
        let Credentials { authorization, api_key } =
            std::mem::replace(&mut self.handshake, Ok(Credentials::default()))?;
        let authorization = credentials::authorization(payload, authorization)?;
        Ok(Credentials { authorization, api_key })
    }
}
