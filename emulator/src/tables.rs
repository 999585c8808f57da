//! The layer that puts tables and indexes in states other than `ACTIVE`, on command.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tower::{Layer, Service};

use crate::call::{Answer, Call, DroppedConnection, Kind, Operation, Reply, at_once};
use crate::clock::{self, Micros};

/// The state of a table or an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TableState {
    /// The normal state.
    Active,
    /// Its items cannot be accessed yet. An index is being filled.
    Creating,
    /// All of it can be used, but not changed or deleted.
    Updating,
    /// Its items cannot be accessed any more.
    Deleting,
    /// The encryption key cannot be used, and so neither can the items.
    InaccessibleEncryptionCredentials,
    /// The encryption key has been unusable for longer than a week.
    Archived,
}

impl TableState {
    /// Why a call cannot be carried out in this state.
    fn refusal(self, operation: Operation, table: &str) -> Option<Reply> {
        let is_change = matches!(operation, Operation::UpdateTable | Operation::DeleteTable);
        let is_items = matches!(operation.kind(), Kind::Read | Kind::Write);
        match self {
            Self::Creating | Self::Updating | Self::Deleting if is_change => Some(Reply::refused(
                "ResourceInUseException",
                &format!("Attempt to change a resource which is still in use: Table: {table}"),
            )),
            Self::Creating | Self::Deleting if is_items => {
                Some(Reply::refused("ResourceNotFoundException", "Requested resource not found"))
            }
            Self::InaccessibleEncryptionCredentials | Self::Archived if is_items => {
                Some(Reply::refused(
                    "AccessDeniedException",
                    "The key that encrypts the table cannot be used.",
                ))
            }
            _ => None,
        }
    }

    fn name(self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

#[derive(Debug, Clone, Copy)]
struct Held {
    state: TableState,
    until: Option<Micros>,
}

/// The states that were commanded; shared with the control.
#[derive(Debug, Default)]
pub(crate) struct TableStates {
    /// By table and, for an index, its name.
    held: Mutex<BTreeMap<(String, Option<String>), Held>>,
}

impl TableStates {
    /// Shows `table`, or its index, in `state` from `now` on, until it is `Active` again.
    pub(crate) fn set(
        &self,
        table: String,
        index: Option<String>,
        state: TableState,
        span: Option<Duration>,
        now: Micros,
    ) {
        let mut held = self.held.lock();
        if state == TableState::Active {
            held.remove(&(table, index));
        } else {
            held.insert((table, index), Held { state, until: span.map(|span| now + span) });
        }
    }

    /// The states of tables and indexes now.
    fn now(&self, now: Micros) -> Vec<(String, Option<String>, TableState)> {
        let mut held = self.held.lock();
        held.retain(|_, held| held.until.is_none_or(|until| now < until));
        let states =
            held.iter().map(|((table, index), held)| (table.clone(), index.clone(), held.state));
        states.collect()
    }
}

/// Puts the states into a description of a table.
fn describe(description: &mut Value, states: &[(String, Option<String>, TableState)]) {
    let table = description["TableName"].as_str().unwrap_or_default().to_owned();
    for (_, index, state) in states.iter().filter(|(name, _, _)| *name == table) {
        let Some(index) = index else {
            description["TableStatus"] = state.name();
            continue;
        };
        let indexes = description["GlobalSecondaryIndexes"].as_array_mut();
        let indexes = indexes.into_iter().flatten();
        for shown in indexes.filter(|shown| shown["IndexName"] == index.as_str()) {
            shown["IndexStatus"] = state.name();
            shown["Backfilling"] = (*state == TableState::Creating).into();
        }
    }
}

/// Puts [`Stated`] around a service.
#[derive(Clone)]
pub(crate) struct TableLayer(pub(crate) Arc<TableStates>);

impl<S> Layer<S> for TableLayer {
    type Service = Stated<S>;

    fn layer(&self, inner: S) -> Stated<S> {
        Stated { inner, states: Arc::clone(&self.0) }
    }
}

/// Refuses what a table's state does not allow, and describes it in that state.
#[derive(Clone)]
pub(crate) struct Stated<S> {
    inner: S,
    states: Arc<TableStates>,
}

impl<S> Service<Call> for Stated<S>
where
    S: Service<Call, Response = Reply, Error = DroppedConnection, Future = Answer>,
{
    type Response = Reply;
    type Error = DroppedConnection;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), DroppedConnection>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, call: Call) -> Answer {
        let states = self.states.now(clock::now());
        if states.is_empty() {
            return self.inner.call(call);
        }
        let body: Value = serde_json::from_str(&call.body).unwrap_or_default();
        for (table, _, state) in states.iter().filter(|(_, index, _)| index.is_none()) {
            if crate::faults::names_table(&body, table)
                && let Some(refusal) = state.refusal(call.operation, table)
            {
                return at_once(refusal);
            }
        }
        if call.operation.kind() != Kind::Table {
            return self.inner.call(call);
        }
        let answer = self.inner.call(call);
        Box::pin(async move {
            let mut reply = answer.await?;
            if reply.status == 200
                && let Ok(mut body) = serde_json::from_str::<Value>(&reply.body)
            {
                for description in ["Table", "TableDescription"] {
                    if let Some(description) = body.get_mut(description) {
                        describe(description, &states);
                    }
                }
                reply.body = body.to_string();
            }
            Ok(reply)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_state_ends_after_its_time_or_on_command() {
        let states = TableStates::default();
        let second = Duration::from_secs(1);
        states.set("a".into(), None, TableState::Updating, Some(second), Micros(0));
        states.set("b".into(), None, TableState::Creating, None, Micros(0));
        assert_eq!(states.now(Micros(999_999)).len(), 2);
        assert_eq!(states.now(Micros(1_000_000)), [("b".into(), None, TableState::Creating)]);
        states.set("b".into(), None, TableState::Active, None, Micros(2_000_000));
        assert!(states.now(Micros(2_000_000)).is_empty());
    }

    #[test]
    fn each_state_refuses_what_it_does_on_aws() {
        use TableState::{Active, Archived, Creating, InaccessibleEncryptionCredentials, Updating};
        let refused = |state: TableState, operation| {
            state.refusal(operation, "t").map(|reply| {
                let body: Value = serde_json::from_str(&reply.body).unwrap();
                body["__type"].as_str().unwrap().rsplit('#').next().unwrap().to_owned()
            })
        };
        for (state, operation, name) in [
            (Active, Operation::UpdateTable, None),
            (Updating, Operation::PutItem, None),
            (Updating, Operation::UpdateTable, Some("ResourceInUseException")),
            (Creating, Operation::GetItem, Some("ResourceNotFoundException")),
            (Creating, Operation::DescribeTable, None),
            (Archived, Operation::Query, Some("AccessDeniedException")),
            (InaccessibleEncryptionCredentials, Operation::PutItem, Some("AccessDeniedException")),
            (InaccessibleEncryptionCredentials, Operation::GetRecords, None),
        ] {
            assert_eq!(refused(state, operation).as_deref(), name, "{state:?} {operation:?}");
        }
    }

    #[test]
    fn a_description_shows_the_states_of_the_table_and_of_its_indexes() {
        let mut description = json!({"TableName": "t", "TableStatus": "ACTIVE",
            "GlobalSecondaryIndexes": [{"IndexName": "due", "IndexStatus": "ACTIVE"}]});
        describe(
            &mut description,
            &[
                ("t".into(), None, TableState::InaccessibleEncryptionCredentials),
                ("t".into(), Some("due".into()), TableState::Creating),
                ("other".into(), None, TableState::Updating),
            ],
        );
        assert_eq!(description["TableStatus"], "INACCESSIBLE_ENCRYPTION_CREDENTIALS");
        let index = &description["GlobalSecondaryIndexes"][0];
        assert_eq!(
            (&index["IndexStatus"], &index["Backfilling"]),
            (&"CREATING".into(), &true.into())
        );
    }
}
