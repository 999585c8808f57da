//! Starts operations, and keeps what runs.

use std::sync::Arc;
use std::time::Instant;

use gavel_core::auction::UserId;
use gavel_core::clock;
use tokio::time::sleep;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Connection, Ended};
use crate::auth::{AuthError, Credentials};
use crate::graphql::error::{from_auth, refused, response_of};
use crate::graphql::execute::is_traceparent;
use crate::graphql::request::Asked;
use crate::graphql::{Caller, Operation};
use crate::limiter::Payer;
use crate::websocket::Sockets;
use crate::websocket::operation::{self, Capacity, Terms};
use crate::websocket::resume::{Delivered, ResumeKey, Resumes};
use crate::websocket::send_queue::{Resumption, Subscriber};

/// A running operation; dropping it stops its task.
pub(super) struct Running {
    pub(super) subscriber: Arc<Subscriber>,
    /// How it is resumed after a cut, if it can be.
    resume: Option<(ResumeKey, Arc<Delivered>)>,
    _task: DropGuard,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.subscriber.end();
    }
}

impl Running {
    /// A ping follows what was written so far.
    pub(super) fn pinged(&self) {
        if let Some((_, delivered)) = &self.resume {
            delivered.pinged(self.subscriber.last());
        }
    }

    /// That ping was answered.
    pub(super) fn confirmed(&self) {
        if let Some((_, delivered)) = &self.resume {
            delivered.confirmed();
        }
    }

    /// Its socket has ended: its client may come back.
    pub(super) fn cut(self, resumes: &Resumes) {
        if let Some((key, delivered)) = &self.resume {
            resumes.cut(key, delivered, Instant::now());
        }
    }

    /// It has ended for good.
    pub(super) fn end(self, resumes: &Resumes) {
        if let Some((key, delivered)) = &self.resume {
            resumes.end(key, delivered);
        }
    }
}

impl Connection {
    pub(super) async fn start(
        &mut self,
        id: Arc<str>,
        asked: Asked,
        credentials: Option<Credentials>,
    ) -> Result<(), Ended> {
        let Asked { operation, traceparent } = asked;
        let Some(session) = self.session.clone() else { return Ok(()) };
        let (principal, now) = (session.principal(), clock::now());
        let payer = Payer::of(&principal, self.address);
        if let Err(too_many) = self.pacing.afford(&payer, &operation, now) {
            self.protocol.ended(&id, Instant::now());
            let errors = self.encoded(refused(too_many));
            return self.send(vec![self.subprotocol.error(&id, &errors)]).await;
        }
        let (resume, resumption) = self.resumption(&id, principal.user_id.as_ref(), &operation);
        let caller = Caller {
            principal,
            address: self.address,
            payer,
            received_at: now,
            traceparent: traceparent.filter(|text| is_traceparent(text)),
            session: Some(session),
        };
        let send_queue = Arc::clone(&self.send_queue);
        let subscriber = Subscriber::new(Arc::clone(&id), self.subprotocol, send_queue, resumption);
        let stop = CancellationToken::new();
        let running = Running {
            subscriber: Arc::clone(&subscriber),
            resume,
            _task: stop.clone().drop_guard(),
        };
        self.operations.insert(id, running);
        let (sockets, capacity) = (Arc::clone(&self.sockets), Arc::clone(&self.capacity));
        self.sockets.tasks.spawn("operation", async move {
            let run = async {
                match credentials {
                    None => {
                        operation::run(
                            &sockets,
                            &capacity,
                            &subscriber,
                            operation,
                            caller,
                            Terms::default(),
                        )
                        .await;
                    }
                    Some(given) => {
                        let own = Own { sockets: &sockets, subscriber: &subscriber, given };
                        own.run(&capacity, operation, caller).await;
                    }
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = run => {}
            }
        });
        Ok(())
    }

    /// How an operation is resumed, and where the one before it was cut.
    fn resumption(
        &self,
        id: &Arc<str>,
        user_id: Option<&UserId>,
        operation: &Operation,
    ) -> (Option<(ResumeKey, Arc<Delivered>)>, Option<Resumption>) {
        if !self.subprotocol.resumes(id) {
            return (None, None);
        }
        let (resumes, delivered) = (&self.sockets.resumes, Arc::<Delivered>::default());
        let key = resumes.key(user_id, id, operation);
        let after = resumes.start(&key, &delivered, Instant::now());
        (Some((key, Arc::clone(&delivered))), Some(Resumption { delivered, after }))
    }
}

/// An operation with credentials of its own.
struct Own<'a> {
    sockets: &'a Sockets,
    subscriber: &'a Arc<Subscriber>,
    given: Credentials,
}

impl Own<'_> {
    /// Runs it as its caller, until that caller's token expires.
    async fn run(&self, capacity: &Capacity, operation: Operation, caller: Caller) {
        let Self { sockets, subscriber, .. } = self;
        let grace = caller.session.as_ref().map(|session| session.grace());
        let caller = match self.caller(caller).await {
            Ok(caller) => caller,
            Err(error) => return self.refuse(&error).await,
        };
        // A socket ends with its own token.
        let own = caller.session.is_none().then_some(caller.principal.expires_at).flatten();
        operation::run(sockets, capacity, subscriber, operation, caller, Terms::default()).await;
        if let Some(at) = own {
            sleep(at.plus(grace.unwrap_or_default()).since(clock::now())).await;
            self.refuse(&AuthError::Expired).await;
        }
    }

    /// The caller whose credentials these are.
    async fn caller(&self, caller: Caller) -> Result<Caller, AuthError> {
        let Some(session) = &caller.session else { return Ok(caller) };
        let principal = session.caller(&self.given, clock::now()).await?;
        if principal.user_id == caller.principal.user_id {
            let principal = session.principal();
            return Ok(Caller { principal, ..caller });
        }
        let payer = Payer::of(&principal, caller.address);
        Ok(Caller { principal, payer, session: None, ..caller })
    }

    async fn refuse(&self, error: &AuthError) {
        let errors = response_of(from_auth(error)).errors;
        self.sockets.api.counts().tell(&errors);
        self.subscriber.refuse(serde_json::to_string(&errors).unwrap_or_default()).await;
    }
}
