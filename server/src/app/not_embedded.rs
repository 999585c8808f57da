//! Replaces the embedded DynamoDB in a build without it.

use std::convert::Infallible;

use anyhow::bail;

use crate::config::Args;

/// The embedded DynamoDB, which this build lacks.
pub(super) struct Embedded(Infallible);

impl Embedded {
    pub(super) async fn start(_: &Args) -> anyhow::Result<Self> {
        bail!("this build has no embedded DynamoDB")
    }

    pub(super) fn endpoint(&self) -> String {
        match self.0 {}
    }

    pub(super) async fn stop(self) {
        match self.0 {}
    }
}
