//! The arguments of `measure`, and the plan made from them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use serde_json::{Value, json};

use super::values;
use crate::blackbox::{Document, Identity, Plan, Protocol};

/// Arguments of `measure`.
#[derive(Debug, Args)]
pub struct MeasureArgs {
    /// The GraphQL endpoint over HTTP, to which mutations are sent.
    #[arg(long)]
    pub url: String,
    /// Where subscriptions are opened. Default: the endpoint with `/ws`, for AppSync that of its
    /// real-time protocol.
    #[arg(long)]
    pub ws_url: Option<String>,
    /// The protocol of subscriptions.
    #[arg(long, value_enum, default_value = "graphql-transport-ws")]
    pub protocol: Protocol,
    /// A file with the mutation.
    #[arg(long, value_name = "FILE")]
    pub mutation: PathBuf,
    /// A JSON file with its variables. `{{marker}}` in them stands for a unique text, `{{n}}` for
    /// the number of the mutation.
    #[arg(long, value_name = "FILE")]
    pub mutation_variables: Option<PathBuf>,
    /// A file with the subscription.
    #[arg(long, value_name = "FILE")]
    pub subscription: PathBuf,
    /// A JSON file with its variables.
    #[arg(long, value_name = "FILE")]
    pub subscription_variables: Option<PathBuf>,
    /// The path in a mutation's data to what identifies its event, for example `placeBid.bid.id`.
    /// Default: the marker, which must then be in the event.
    #[arg(long, value_name = "PATH")]
    pub answer_key: Option<String>,
    /// The path in an event's data to the same, for example `bidCreated.id`.
    #[arg(long, value_name = "PATH")]
    pub event_key: Option<String>,
    /// The path in an event's data to a number that must rise, for example `bidCreated.sequence`.
    #[arg(long, value_name = "PATH")]
    pub event_number: Option<String>,
    /// Number of sockets, each with a subscription.
    #[arg(long, default_value_t = 10, value_parser = values::whole::<usize>)]
    pub subscribers: usize,
    /// Mutations a second.
    #[arg(long, default_value_t = 5.0, value_parser = values::number)]
    pub rate: f64,
    /// How long to send mutations.
    #[arg(long, default_value = "20s", value_parser = values::duration)]
    pub duration: Duration,
    /// How long the last events may take.
    #[arg(long, default_value = "10s", value_parser = values::duration)]
    pub wait: Duration,
    /// Token of the caller.
    #[arg(long, env = "GAVEL_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// Shell command that prints the token.
    #[arg(long, value_name = "COMMAND", conflicts_with = "token")]
    pub token_command: Option<String>,
    /// API key of the caller, sent as x-api-key.
    #[arg(long, env = "GAVEL_API_KEY", hide_env_values = true)]
    pub api_key: Option<String>,
    /// Write the report to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the report to this file, as a self-contained HTML page.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

impl MeasureArgs {
    /// The plan.
    ///
    /// # Errors
    /// One line that names the flag.
    pub fn plan(&self) -> anyhow::Result<Plan> {
        ensure!(self.url.starts_with("http"), "--url must begin with http:// or https://");
        let ws_url = self.ws_url.clone().unwrap_or_else(|| self.protocol.url(&self.url));
        ensure!(ws_url.starts_with("ws"), "--ws-url must begin with ws:// or wss://");
        Ok(Plan {
            url: self.url.clone(),
            ws_url,
            protocol: self.protocol,
            identity: self.identity()?,
            mutation: document("mutation", &self.mutation, self.mutation_variables.as_deref())?,
            subscription: document(
                "subscription",
                &self.subscription,
                self.subscription_variables.as_deref(),
            )?,
            answer_key: self.answer_key.clone(),
            event_key: self.event_key.clone(),
            event_number: self.event_number.clone(),
            subscribers: self.subscribers,
            rate: self.rate,
            duration: self.duration,
            wait: self.wait,
            run: format!("run-{:08x}", rand::random::<u32>()),
            command: self.command(),
        })
    }

    fn identity(&self) -> anyhow::Result<Identity> {
        let token = match &self.token_command {
            None => self.token.clone(),
            Some(command) => {
                let said = Command::new("sh").args(["-c", command]).output();
                let said = said.context("--token-command")?;
                ensure!(said.status.success(), "--token-command ended with {}", said.status);
                let token = String::from_utf8(said.stdout).context("--token-command")?;
                let token = token.trim().to_owned();
                ensure!(!token.is_empty(), "--token-command printed nothing");
                Some(token)
            }
        };
        Ok(Identity { token, api_key: self.api_key.clone() })
    }

    fn command(&self) -> String {
        let mut command = format!(
            "client-sim measure --url '{}' --protocol {} --mutation '{}' --subscription '{}' \
             --subscribers {} --rate {} --duration {}ms",
            self.url,
            self.protocol.name(),
            self.mutation.display(),
            self.subscription.display(),
            self.subscribers,
            self.rate,
            self.duration.as_millis()
        );
        let mut flag = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                [" --", name, " '", &value, "'"].iter().for_each(|part| command.push_str(part));
            }
        };
        let file = |file: &Option<PathBuf>| file.as_ref().map(|file| file.display().to_string());
        flag("ws-url", self.ws_url.clone());
        flag("mutation-variables", file(&self.mutation_variables));
        flag("subscription-variables", file(&self.subscription_variables));
        flag("answer-key", self.answer_key.clone());
        flag("event-key", self.event_key.clone());
        flag("event-number", self.event_number.clone());
        command
    }
}

fn document(flag: &str, file: &Path, variables: Option<&Path>) -> anyhow::Result<Document> {
    let read = |flag: String, file: &Path| {
        std::fs::read_to_string(file).with_context(|| format!("--{flag} {}", file.display()))
    };
    let query = read(flag.to_owned(), file)?;
    let variables: Value = match variables {
        None => json!({}),
        Some(file) => {
            let flag = format!("{flag}-variables");
            serde_json::from_str(&read(flag.clone(), file)?)
                .with_context(|| format!("--{flag} {}", file.display()))?
        }
    };
    ensure!(variables.is_object(), "--{flag}-variables must hold a JSON object");
    Ok(Document { query, variables })
}
