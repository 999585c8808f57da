//! One running subscription execution, fed event by event.

use std::sync::Arc;

use async_graphql::{Response, Value};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use tokio::sync::mpsc;
use tracing::error;

use super::counts::SocketCounts;
use super::payload::{Form, Payload};
use crate::graphql::Schema;
use crate::graphql::error::complete;
use crate::graphql::subscription::{EventSource, SourceEvent};

/// An execution of one operation over a source of events: one response per event, in order.
pub struct Execution {
    events: mpsc::Sender<SourceEvent>,
    responses: BoxStream<'static, Response>,
    counts: Arc<SocketCounts>,
    form: Form,
}

impl Execution {
    /// Starts an execution. The operation has passed a validation run.
    pub fn new(
        schema: &Schema,
        request: async_graphql::Request,
        counts: Arc<SocketCounts>,
        form: Form,
    ) -> Self {
        let (events, feed) = mpsc::channel(1);
        let responses = schema.execute_stream(request.data(EventSource::new(feed)));
        Self { events, responses, counts, form }
    }

    /// Executes the operation on an event. `None`: the execution has ended, which it never does
    /// while events come.
    pub async fn run(&mut self, item: SourceEvent) -> Option<Payload> {
        self.counts.executions.inc();
        let published_at = item.published_at();
        self.events.send(item).await.ok()?;
        let mut response = self.responses.next().await?;
        complete(&mut response);
        match encode(&response, self.form) {
            Ok(json) => Some(Payload::new(json).published(published_at)),
            Err(problem) => {
                error!(%problem, "a response cannot be encoded");
                None
            }
        }
    }
}

fn encode(response: &Response, form: Form) -> serde_json::Result<String> {
    match (form, &response.data) {
        (Form::Response, _) => serde_json::to_string(response),
        (Form::Text, Value::Object(fields)) => {
            serde_json::to_string(&serde_json::to_string(&fields.values().next())?)
        }
        (Form::Text, _) => serde_json::to_string("null"),
    }
}
