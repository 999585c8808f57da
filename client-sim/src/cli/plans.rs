//! Turns arguments into plans.

use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, ValueEnum as _};
use dynamodb_emulator::Behaviour;
use gavel_core::store::connect::Endpoint;

use super::{LabArgs, ProbeArgs, RunArgs, TokenArgs};
use crate::lab::Options;
use crate::lab::cases::Place;
use crate::lab::experiment::Depth;
use crate::load::fit::{self, Chosen};
use crate::load::plan::{Plan, Target, View};
use crate::load::scenario::Scenario;
use crate::open_files;
use crate::probe::{self, Store};
use crate::service::last_mile::LastMile;
use crate::service::nodes::Layout;
use crate::service::server::Switch;
use crate::service::token::Mint;

impl Default for RunArgs {
    /// The arguments of `client-sim` without any.
    fn default() -> Self {
        #[derive(Parser)]
        struct Alone {
            #[command(flatten)]
            run: RunArgs,
        }
        Alone::parse_from(["client-sim"]).run
    }
}

impl RunArgs {
    /// The plan.
    ///
    /// # Errors
    /// One line that names the flag.
    pub fn plan(&self) -> anyhow::Result<Plan> {
        let mut scenario = Scenario::of(self.scenario);
        scenario.duration = self.duration.unwrap_or(scenario.duration);
        scenario.rate = self.rate.unwrap_or(scenario.rate);
        scenario.auctions = self.auctions.unwrap_or(scenario.auctions);
        scenario.bidders = self.bidders.unwrap_or(scenario.bidders);
        scenario.watchers = self.watchers.unwrap_or(scenario.watchers);
        scenario.stalled = self.stalled.unwrap_or(scenario.stalled);
        scenario.kills = self.kills.unwrap_or(scenario.kills);
        scenario.nodes = self.nodes.unwrap_or(scenario.nodes);
        let is_lambda = self.relay.as_deref() == Some("lambda");
        scenario.bus = self.bus == Switch::On && scenario.nodes > 1 && !is_lambda;
        anyhow::ensure!(
            scenario.bus || scenario.nodes <= 2,
            "--nodes must be 1 or 2 with --bus off"
        );
        scenario.check().map_err(anyhow::Error::msg)?;
        open_files::check(scenario.watchers)?;
        let seed = self.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
        let target = match self.service.target()? {
            Some((urls, tokens)) => {
                anyhow::ensure!(
                    self.server_flag.is_empty()
                        && self.layout.is_none()
                        && self.nodes.is_none()
                        && scenario.kills == 0
                        && !scenario.restarts,
                    "--server-flag, --layout, --nodes and --kills (also the kills of chaos and the \
                     restarts of rolling) cannot be used with --url"
                );
                let is_chosen =
                    Chosen { rate: self.rate.is_some(), bidders: self.bidders.is_some() };
                scenario = fit::fit(scenario, &tokens, is_chosen);
                Target::Url { urls, tokens, relay: self.relay.clone() }
            }
            None => Target::Own {
                relay: self.relay.clone().unwrap_or_else(|| "stream".to_owned()),
                flags: self.server_flag.clone(),
                layouts: match self.layout {
                    Some(layout) => vec![layout],
                    None if scenario.faults => vec![Layout::Apart, Layout::Inside],
                    // A store in a server would be gone with it.
                    None if scenario.restarts => vec![Layout::Apart],
                    None => vec![Layout::Inside],
                },
            },
        };
        let slos = if self.slo.is_empty() && scenario.judges_latency {
            vec!["p99<300ms".parse().map_err(anyhow::Error::msg)?]
        } else {
            self.slo.clone()
        };
        let command = self.command(&scenario, seed);
        Ok(Plan {
            scenario,
            seed,
            slos,
            target,
            last_mile: self.last_mile,
            view: View::Live,
            script: Vec::new(),
            command,
        })
    }

    /// The command that repeats the run, without its secrets.
    fn command(&self, scenario: &Scenario, seed: u64) -> String {
        let mut command = format!(
            "client-sim run {} --seed {seed} --auctions {} --bidders {} --watchers {} --rate {} \
             --duration {}ms",
            scenario.name.as_str(),
            scenario.auctions,
            scenario.bidders,
            scenario.watchers,
            scenario.rate,
            scenario.duration.as_millis(),
        );
        let mut flag = |name: &str, value: &str| {
            for part in [" --", name, " '", value, "'"] {
                command.push_str(part);
            }
        };
        self.stalled.iter().for_each(|share| flag("stalled", &share.to_string()));
        self.kills.iter().for_each(|kills| flag("kills", &kills.to_string()));
        self.nodes.iter().for_each(|nodes| flag("nodes", &nodes.to_string()));
        if self.bus == Switch::Off {
            flag("bus", "off");
        }
        let layout = self.layout.and_then(|layout| layout.to_possible_value());
        layout.iter().for_each(|layout| flag("layout", layout.get_name()));
        if let Some(mile) =
            self.last_mile.to_possible_value().filter(|_| self.last_mile != LastMile::None)
        {
            flag("last-mile", mile.get_name());
        }
        self.service.url.iter().for_each(|url| flag("url", url));
        self.relay.iter().for_each(|relay| flag("relay", relay));
        self.slo.iter().for_each(|slo| flag("slo", slo.expr()));
        if self.repeat > 1 {
            flag("repeat", &self.repeat.to_string());
        }
        self.server_flag.iter().for_each(|given| flag("server-flag", given));
        command
    }
}

impl LabArgs {
    /// The options of the lab.
    ///
    /// # Errors
    /// One line that names the flag.
    pub fn options(&self) -> anyhow::Result<Options> {
        let place = match self.service.target()? {
            Some((mut urls, tokens)) => {
                anyhow::ensure!(urls.len() == 1, "--url: the lab measures one server at a time");
                Place::Url { url: urls.remove(0), tokens }
            }
            None => Place::Own,
        };
        let mut command = format!("client-sim lab --seed {}", self.seed);
        if self.quick {
            command.push_str(" --quick");
        }
        for (flag, value) in self
            .only
            .iter()
            .map(|name| ("only", name))
            .chain(self.service.url.iter().map(|url| ("url", url)))
        {
            [" --", flag, " '", value, "'"].iter().for_each(|part| command.push_str(part));
        }
        let behaviour = match &self.behaviour {
            None => None,
            Some(file) => {
                let flag = || format!("--behaviour {}", file.display());
                let text = std::fs::read_to_string(file).with_context(flag)?;
                let behaviour: Behaviour = serde_json::from_str(&text).with_context(flag)?;
                if let Some(problem) = behaviour.problem() {
                    anyhow::bail!("--behaviour: {problem}");
                }
                [" --behaviour '", &file.display().to_string(), "'"]
                    .iter()
                    .for_each(|part| command.push_str(part));
                Some(behaviour)
            }
        };
        let depth = if self.quick { Depth::Quick } else { Depth::Full };
        let (only, out) = (self.only.clone(), self.out.clone());
        Ok(Options { depth, only, seed: self.seed, place, out, command, behaviour })
    }
}

impl ProbeArgs {
    /// The DynamoDB to measure.
    ///
    /// # Errors
    /// One line that names the flag.
    pub fn store(&self) -> anyhow::Result<Store> {
        let is_embedded = self.dynamodb == "embedded";
        anyhow::ensure!(
            is_embedded || (self.embedded_behaviour.is_none() && self.embedded_seed.is_none()),
            "--embedded-behaviour and --embedded-seed need --dynamodb embedded"
        );
        match self.dynamodb.as_str() {
            "embedded" => {
                let behaviour = match &self.embedded_behaviour {
                    None => Behaviour::default(),
                    Some(name) if name.as_os_str() == "aws" => Behaviour::aws_like(),
                    Some(file) => {
                        let flag = || format!("--embedded-behaviour {}", file.display());
                        let text = std::fs::read_to_string(file).with_context(flag)?;
                        serde_json::from_str(&text).with_context(flag)?
                    }
                };
                if let Some(problem) = behaviour.problem() {
                    anyhow::bail!("--embedded-behaviour: {problem}");
                }
                Ok(Store::Embedded(Box::new(behaviour), self.embedded_seed))
            }
            "aws" => Ok(Store::At(Endpoint::Aws)),
            url if url.starts_with("http://") || url.starts_with("https://") => {
                Ok(Store::At(Endpoint::Url(url.trim_end_matches('/').to_owned())))
            }
            other => anyhow::bail!(
                "--dynamodb {other}: write embedded, aws, or a URL such as http://127.0.0.1:8000"
            ),
        }
    }

    /// The plan.
    ///
    /// # Errors
    /// One line that names the flag.
    pub fn plan(&self) -> anyhow::Result<probe::Plan> {
        anyhow::ensure!(
            self.poll_ms.iter().all(|ms| (1..=60_000).contains(ms)),
            "--poll-ms must be from 1 to 60000"
        );
        let polls = self.poll_ms.iter().copied().map(Duration::from_millis).collect();
        let (duration, rate) = (self.duration, self.rate);
        Ok(probe::Plan { store: self.store()?, duration, rate, polls })
    }
}

impl TokenArgs {
    /// The token.
    ///
    /// # Errors
    /// When the secret is too short for the service to accept it.
    pub fn mint(&self) -> anyhow::Result<String> {
        anyhow::ensure!(
            self.jwt_secret.len() >= 32,
            "--jwt-secret must be at least 32 bytes of random text"
        );
        let roles: Vec<&str> = self.roles.iter().map(String::as_str).collect();
        Mint::new(&self.jwt_secret).token(&self.user, &roles, self.ttl)
    }
}
