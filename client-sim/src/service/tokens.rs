//! The sources of a run's tokens: the service's secret, the caller, or a command that asks an
//! identity provider.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::process::Command;
use tokio::time::timeout;

use crate::service::limits::SOCKETS_PER_USER;
use crate::service::token::Mint;

/// How long a command may take for one token.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);
/// Concurrent commands.
const COMMANDS_MAX: usize = 8;

/// The source of tokens.
#[derive(Clone)]
pub enum Tokens {
    /// Signed here with the secret of the service.
    Secret(String),
    /// These tokens: the first opens the auctions, the others bid in turns, because sellers may not
    /// bid on their own auctions.
    Given(Vec<String>),
    /// Printed by a shell command; `CLIENT_SIM_USER` and `CLIENT_SIM_ROLES` say for whom.
    Command(String),
}

impl std::fmt::Debug for Tokens {
    /// Omits the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Secret(_) => "Secret",
            Self::Given(_) => "Given",
            Self::Command(_) => "Command",
        })
    }
}

/// The tokens of everyone in a run.
#[derive(Clone)]
pub struct Users {
    /// Opens the auctions, and cancels them.
    pub seller: String,
    /// Reads the state of auctions.
    pub observer: String,
    /// Bidder `n` has the token with this number; beyond the last they take turns.
    pub bidders: Vec<String>,
    /// Watcher `n` belongs to user `n / 16`; `None` is an anonymous one, whose number is not
    /// limited.
    pub watchers: Vec<Option<String>>,
}

impl Tokens {
    /// Obtains tokens for this many bidders and watchers, valid for a while.
    ///
    /// # Errors
    /// When one cannot be had.
    pub async fn users(
        &self,
        bidders: usize,
        watchers: usize,
        valid_for: Duration,
    ) -> anyhow::Result<Users> {
        if let Self::Given(tokens) = self {
            let [seller, bidders @ ..] = tokens.as_slice() else {
                bail!("--token: none was given")
            };
            ensure!(!bidders.is_empty(), "--token: give a seller's and at least one bidder's");
            return Ok(Users {
                seller: seller.clone(),
                observer: seller.clone(),
                bidders: bidders.to_vec(),
                watchers: vec![None],
            });
        }
        let watching = watchers.div_ceil(SOCKETS_PER_USER).max(1);
        let mut who = vec![("sim-seller".to_owned(), "seller")];
        who.extend((0..bidders).map(|n| (format!("sim-bidder-{n}"), "bidder")));
        who.extend((0..watching).map(|n| (format!("sim-watcher-{n}"), "observer")));
        if let Self::Command(_) = self {
            eprintln!("--token-command is asked for {} tokens", who.len());
        }
        let tokens: Vec<String> = stream::iter(who)
            .map(|(user, role)| async move { self.token(&user, role, valid_for).await })
            .buffered(COMMANDS_MAX)
            .try_collect()
            .await?;
        Ok(Users {
            seller: tokens[0].clone(),
            bidders: tokens[1..=bidders].to_vec(),
            observer: tokens[1 + bidders].clone(),
            watchers: tokens[1 + bidders..].iter().cloned().map(Some).collect(),
        })
    }

    /// Obtains the token of one user. Given tokens are the same for all.
    ///
    /// # Errors
    /// When it cannot be had.
    pub async fn token(&self, user: &str, role: &str, life: Duration) -> anyhow::Result<String> {
        match self {
            Self::Secret(secret) => Mint::new(secret).token(user, &[role], life),
            Self::Given(tokens) => tokens.first().cloned().context("--token: none was given"),
            Self::Command(command) => printed(command, user, role).await,
        }
    }
}

impl Users {
    /// The token of a watcher of this number.
    pub fn watcher(&self, number: usize) -> Option<&str> {
        self.watchers[(number / SOCKETS_PER_USER) % self.watchers.len()].as_deref()
    }

    /// The token of a bidder of this number.
    pub fn bidder(&self, number: usize) -> &str {
        &self.bidders[number % self.bidders.len()]
    }
}

async fn printed(command: &str, user: &str, role: &str) -> anyhow::Result<String> {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).env("CLIENT_SIM_USER", user).env("CLIENT_SIM_ROLES", role);
    shell.stdin(Stdio::null()).kill_on_drop(true);
    let of = || format!("--token-command for {user} ({role})");
    let ran = timeout(COMMAND_TIMEOUT, shell.output()).await;
    let ran = ran.with_context(|| format!("{}: no answer in {COMMAND_TIMEOUT:?}", of()))?;
    let ran = ran.with_context(of)?;
    if !ran.status.success() {
        let said = String::from_utf8_lossy(&ran.stderr);
        bail!("{} ended with {}: {}", of(), ran.status, said.trim());
    }
    let token = String::from_utf8_lossy(&ran.stdout).trim().to_owned();
    if token.is_empty() || token.contains(char::is_whitespace) {
        bail!("{}: it must print one token and nothing else", of());
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn watchers_are_spread_over_users_so_that_none_has_more_sockets_than_it_may() {
        let secret = Tokens::Secret("a secret that is long enough for a test".into());
        let users = secret.users(3, 200, HOUR).await.unwrap();
        let mut sockets = std::collections::HashMap::new();
        for number in 0..200 {
            *sockets.entry(users.watcher(number)).or_insert(0_usize) += 1;
        }
        assert_eq!(sockets.len(), 13);
        assert!(sockets.values().all(|count| *count <= SOCKETS_PER_USER), "{sockets:?}");
        assert_eq!(users.bidders.len(), 3);
        assert_eq!(users.bidder(4), users.bidder(1));
    }

    #[tokio::test]
    async fn a_command_prints_the_token_of_each_user_and_its_failure_is_told() {
        let command = Tokens::Command("echo \"$CLIENT_SIM_USER:$CLIENT_SIM_ROLES\"".into());
        let users = command.users(2, 17, HOUR).await.unwrap();
        assert_eq!(users.seller, "sim-seller:seller");
        assert_eq!(users.bidders, ["sim-bidder-0:bidder", "sim-bidder-1:bidder"]);
        assert_eq!(users.watcher(16), Some("sim-watcher-1:observer"));
        let of = |text: &str| Tokens::Command(text.into());
        let failed = of("echo no such pool >&2; exit 3").token("ann", "bidder", HOUR).await;
        let told = format!("{:#}", failed.unwrap_err());
        assert!(told.contains("no such pool") && told.contains("ann"), "{told}");
        let told = of("true").token("ann", "bidder", HOUR).await.unwrap_err().to_string();
        assert!(told.contains("one token"), "{told}");
    }

    #[tokio::test]
    async fn given_tokens_take_turns_and_their_watchers_are_anonymous() {
        let given = Tokens::Given(vec!["seller".into(), "one".into(), "two".into()]);
        let users = given.users(100, 200, HOUR).await.unwrap();
        assert_eq!((users.bidder(0), users.bidder(1), users.bidder(2)), ("one", "two", "one"));
        assert_eq!(users.seller, "seller", "who may not bid on its own auctions");
        assert!(Tokens::Given(vec!["seller".into()]).users(1, 1, HOUR).await.is_err());
        assert_eq!(users.watcher(199), None);
    }

    #[test]
    fn no_token_and_no_secret_is_shown_in_debugging() {
        let shown = format!("{:?}", Tokens::Secret("hunter2".into()));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
