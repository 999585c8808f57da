//! Settings for the table.

use clap::Args as ClapArgs;

use super::Switch;
use super::command_line::heading;

/// The default of --dynamodb.
const DYNAMODB: &str = if cfg!(feature = "embedded") { "embedded" } else { "aws" };

/// Where DynamoDB is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dynamodb {
    /// In this process, on a thread of its own, reached over loopback.
    Embedded,
    /// DynamoDB on AWS.
    Aws,
    /// Any other DynamoDB endpoint, for example the emulator in a separate process.
    Url(String),
}

/// Settings for the table.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = heading::STORE)]
pub struct StoreArgs {
    /// Where DynamoDB is: `embedded`, `aws` (normal credential chain and region), or a URL.
    #[arg(long, env = "GAVEL_DYNAMODB", default_value = DYNAMODB, value_parser = parse_dynamodb)]
    pub dynamodb: Dynamodb,

    /// Name of the table.
    #[arg(long, env = "GAVEL_TABLE", default_value = "gavel", value_parser = parse_table)]
    pub table: String,

    /// Whether to create the table at start if it does not exist. Default: on, but off with
    /// --dynamodb aws, so that a wrong region or account does not get a new, empty table.
    #[arg(long, env = "GAVEL_CREATE_TABLE", value_enum, num_args = 0..=1,
        default_missing_value = "on")]
    pub create_table: Option<Switch>,
}

impl StoreArgs {
    /// Whether a missing table is created.
    pub fn creates_table(&self) -> bool {
        match self.create_table {
            Some(switch) => switch == Switch::On,
            None => self.dynamodb != Dynamodb::Aws,
        }
    }
}

fn parse_dynamodb(text: &str) -> Result<Dynamodb, String> {
    match text {
        "embedded" if cfg!(feature = "embedded") => Ok(Dynamodb::Embedded),
        "embedded" => Err("this build has no embedded DynamoDB; use aws, or a URL".to_owned()),
        "aws" => Ok(Dynamodb::Aws),
        url if url.starts_with("http://") || url.starts_with("https://") => {
            Ok(Dynamodb::Url(url.to_owned()))
        }
        _ => Err("use embedded, aws, or a URL such as http://127.0.0.1:8000".to_owned()),
    }
}

fn parse_table(text: &str) -> Result<String, String> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    if (3..=255).contains(&text.len()) && text.bytes().all(allowed) {
        return Ok(text.to_owned());
    }
    Err("must be 3 to 255 letters, digits, '_', '-' or '.'".to_owned())
}
