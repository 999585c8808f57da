//! SDK clients: one attempt and an attempt time-out, because retries belong to the lane and the
//! relay.

use std::time::Duration;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::{
    EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider,
};
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future;
use aws_sdk_dynamodb::config::{Credentials, ProvideCredentials};
use tokio::time::timeout;

use crate::limits;

/// Where DynamoDB is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// AWS, with the normal credential chain and region.
    Aws,
    /// An endpoint, with the region and the credentials of the environment, as for AWS; without
    /// them, with dummy credentials that a test store accepts.
    Url(String),
    /// The embedded engine, which ignores the environment.
    Embedded(String),
}

/// Both clients of one DynamoDB.
#[derive(Debug, Clone)]
pub struct Clients {
    /// The client for tables.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// The client for streams.
    pub streams: aws_sdk_dynamodbstreams::Client,
    /// The client that returns our account.
    sts: aws_sdk_sts::Client,
}

impl Clients {
    /// Where tables are looked for, in words: account and region, or the endpoint.
    pub async fn place(&self, endpoint: &Endpoint) -> String {
        let region = self.dynamodb.config().region().map_or("unknown", |region| region.as_ref());
        match endpoint {
            Endpoint::Url(url) | Endpoint::Embedded(url) => format!("region {region} of {url}"),
            Endpoint::Aws => {
                // The call needs no permission; if it fails, the region must do.
                let asked = timeout(CREDENTIALS_TIMEOUT, self.sts.get_caller_identity().send());
                let caller = asked.await.ok().and_then(Result::ok);
                let account = caller.as_ref().and_then(|caller| caller.account());
                format!("account {}, region {region}", account.unwrap_or("unknown"))
            }
        }
    }
}

/// Creates the clients. Does not connect.
pub async fn connect(endpoint: &Endpoint) -> Clients {
    let config = sdk_config(endpoint).await;
    Clients {
        dynamodb: aws_sdk_dynamodb::Client::new(&config),
        streams: aws_sdk_dynamodbstreams::Client::new(&config),
        sts: aws_sdk_sts::Client::new(&config),
    }
}

async fn sdk_config(endpoint: &Endpoint) -> SdkConfig {
    // The SDK's own retry would turn a throttled GetRecords into a silent second
    // (SOURCES.md#streams).
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(limits::STORE_CONNECT_TIMEOUT)
        .operation_attempt_timeout(limits::STORE_ATTEMPT_TIMEOUT)
        .build();
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts);
    let nowhere = || Region::new("us-east-1");
    match endpoint {
        Endpoint::Aws => {
            let chain = aws_config::default_provider::credentials::default_provider().await;
            loader.credentials_provider(InTime(chain)).load().await
        }
        Endpoint::Url(url) => {
            let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
                .or_else(ProfileFileRegionProvider::builder().build())
                .or_else(nowhere());
            let loader = loader.endpoint_url(url).region(region);
            loader.credentials_provider(InTime(of_environment())).load().await
        }
        Endpoint::Embedded(url) => {
            let loader = loader.endpoint_url(url).region(nowhere());
            loader.credentials_provider(meaningless()).load().await
        }
    }
}

/// The normal chain without its last provider, the metadata of an EC2 instance: a test store must
/// not wait for an address that does not answer.
fn of_environment() -> CredentialsProviderChain {
    let environment = EnvironmentVariableCredentialsProvider::new();
    CredentialsProviderChain::first_try("Environment", environment)
        .or_else("Profile", ProfileFileCredentialsProvider::builder().build())
        .or_else("WebIdentityToken", WebIdentityTokenCredentialsProvider::builder().build())
        .or_else("Container", EcsCredentialsProvider::builder().build())
        .or_else("None", meaningless())
}

fn meaningless() -> Credentials {
    Credentials::new("gavel", "gavel", None, None, "gavel-local")
}

/// Credentials that are obtained in time, or not at all: a slow provider must not look like a
/// request that may have been carried out.
#[derive(Debug)]
struct InTime<P>(P);

const CREDENTIALS_TIMEOUT: Duration = limits::CREDENTIALS_TIMEOUT;

impl<P: ProvideCredentials> ProvideCredentials for InTime<P> {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move {
            let provided = timeout(CREDENTIALS_TIMEOUT, self.0.provide_credentials()).await;
            provided.unwrap_or(Err(CredentialsError::provider_timed_out(CREDENTIALS_TIMEOUT)))
        })
    }
}
