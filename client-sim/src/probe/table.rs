//! The probe's own table: made for one run, removed at its end.

use std::time::Duration;

use anyhow::{Context as _, bail};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::TableStatus;
use tokio::time::{Instant, sleep};

use crate::measure::idle_store::make_table;

/// How the names of such tables begin: what a killed run has left is found by it.
pub const PREFIX: &str = "client-sim-probe-";
/// How long a table may take until it can be used.
const ACTIVE_MAX: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Creates a table with a stream, under a name of its own.
///
/// # Errors
/// When the role may not, or the table does not become usable.
pub async fn create(client: &Client) -> anyhow::Result<(String, String)> {
    let name = format!("{PREFIX}{:08x}", rand::random::<u32>());
    make_table(client, &name).await.with_context(|| format!("cannot create the table {name}"))?;
    match usable(client, &name).await {
        Ok(stream) => Ok((name, stream)),
        Err(error) => {
            remove(client, &name).await.ok();
            Err(error)
        }
    }
}

async fn usable(client: &Client, name: &str) -> anyhow::Result<String> {
    let give_up = Instant::now() + ACTIVE_MAX;
    loop {
        // A table that was only just created may not be found yet.
        let described = client.describe_table().table_name(name).send().await;
        let table = described.as_ref().ok().and_then(|described| described.table());
        if let Some(table) = table.filter(|t| t.table_status() == Some(&TableStatus::Active))
            && let Some(stream) = table.latest_stream_arn()
        {
            return Ok(stream.to_owned());
        }
        if Instant::now() >= give_up {
            let problem = format!("the table {name} was not usable after {ACTIVE_MAX:?}");
            return Err(described
                .err()
                .map_or_else(|| anyhow::anyhow!(problem.clone()), Into::into))
            .context(problem);
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Removes a table of the probe's.
///
/// # Errors
/// When it cannot be removed; the line says how to try again.
pub async fn remove(client: &Client, name: &str) -> anyhow::Result<()> {
    if !name.starts_with(PREFIX) {
        bail!("{name} is no table of the probe's");
    }
    client.delete_table().table_name(name).send().await.with_context(|| {
        format!("the table {name} was not removed; remove it with client-sim probe --clean-up")
    })?;
    Ok(())
}

/// Removes what earlier runs have left; returns the names.
///
/// # Errors
/// When tables cannot be listed or removed.
pub async fn clean_up(client: &Client) -> anyhow::Result<Vec<String>> {
    let (mut removed, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = client.list_tables().set_exclusive_start_table_name(after).send().await;
        let page = page.context("cannot list tables")?;
        for name in page.table_names().iter().filter(|name| name.starts_with(PREFIX)) {
            remove(client, name).await?;
            removed.push(name.clone());
        }
        after = page.last_evaluated_table_name;
        if after.is_none() {
            return Ok(removed);
        }
    }
}
