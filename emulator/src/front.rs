//! What stands between the wire and the engine.
//!
//! With no option set it is one branch and a call: the engine runs at once.

use std::time::Duration;

use crate::call::{Call, Hangup, Operation, Reply};
use crate::engine::Engine;

/// Answers calls, with what the options ask for in between.
#[derive(Clone)]
pub(crate) struct Front {
    engine: Engine,
    transact_delay: Duration,
}

impl Front {
    pub(crate) fn new(engine: Engine, transact_delay: Duration) -> Self {
        Self { engine, transact_delay }
    }

    /// Answers one call; other calls go on while it waits.
    pub(crate) async fn call(&self, call: Call) -> Result<Reply, Hangup> {
        if call.operation == Operation::TransactWriteItems && !self.transact_delay.is_zero() {
            tokio::time::sleep(self.transact_delay).await;
        }
        Ok(self.engine.call(&call))
    }
}
