//! The embedded DynamoDB: the emulator in this process, on a thread of its own.

use std::time::Duration;

use anyhow::{Context as _, bail};
use dynamodb_emulator::{Behaviour, Emulator, Options};

use super::read_json;
use crate::config::Args;
use crate::config::embedded::EmbeddedArgs;

/// The embedded DynamoDB of this process.
pub(super) struct Embedded(Emulator);

impl Embedded {
    pub(super) async fn start(args: &Args) -> anyhow::Result<Self> {
        let args = &args.embedded;
        let options = Options {
            listen: args.embedded_listen,
            data_dir: args.data_dir.clone(),
            transact_delay: Duration::from_millis(args.embedded_transact_delay_ms),
            behaviour: behaviour(args)?,
            seed: args.embedded_seed,
            ..Options::default()
        };
        let emulator = Emulator::start(options).await;
        Ok(Self(emulator.context("cannot start the embedded DynamoDB")?))
    }

    /// Its endpoint.
    pub(super) fn endpoint(&self) -> String {
        self.0.endpoint()
    }

    pub(super) async fn stop(self) {
        self.0.shutdown().await;
    }
}

/// Checks the settings, and the file that they name.
pub(super) fn check(args: &EmbeddedArgs) -> anyhow::Result<()> {
    if let Some(problem) = behaviour(args)?.problem() {
        bail!("--embedded-behaviour: {problem}");
    }
    Ok(())
}

fn behaviour(args: &EmbeddedArgs) -> anyhow::Result<Behaviour> {
    match &args.embedded_behaviour {
        Some(name) if name.as_os_str() == "aws" => Ok(Behaviour::aws_like()),
        Some(file) => read_json(file).context("--embedded-behaviour"),
        None => Ok(Behaviour::default()),
    }
}
