//! The settings of the modelled event source mapping: its flag and its file.

use anyhow::Context as _;
use lambda_model::Settings;

use super::read_json;
use crate::config::{Args, RelayMode};

/// With `--relay lambda`, the settings of its file, or Lambda's own defaults.
pub(super) fn settings(args: &Args) -> anyhow::Result<Option<Settings>> {
    if args.delivery.relay != RelayMode::Lambda {
        return Ok(None);
    }
    let settings: Settings = match &args.delivery.lambda_settings {
        Some(file) => read_json(file).context("--lambda-settings")?,
        None => Settings::default(),
    };
    settings.check().map_err(anyhow::Error::msg).context("--lambda-settings")?;
    Ok(Some(settings))
}
