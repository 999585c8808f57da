//! SDK clients: one attempt and an attempt time-out, for retry belongs to the lane and the relay.

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};

use crate::limits;

/// Where DynamoDB is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// AWS, by the normal credential chain and region.
    Aws,
    /// Another endpoint: the embedded engine, an emulator, or whatever speaks DynamoDB's protocol.
    Url(String),
}

/// Both clients of one DynamoDB.
#[derive(Debug, Clone)]
pub struct Clients {
    /// Tables.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Streams.
    pub streams: aws_sdk_dynamodbstreams::Client,
}

/// Makes the clients. Does not connect.
pub async fn connect(endpoint: &Endpoint) -> Clients {
    let config = sdk_config(endpoint).await;
    Clients {
        dynamodb: aws_sdk_dynamodb::Client::new(&config),
        streams: aws_sdk_dynamodbstreams::Client::new(&config),
    }
}

async fn sdk_config(endpoint: &Endpoint) -> SdkConfig {
    // The SDK's own retry would turn a throttled GetRecords into a silent second (FACTS 2).
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(limits::STORE_CONNECT_TIMEOUT)
        .operation_attempt_timeout(limits::STORE_ATTEMPT_TIMEOUT)
        .build();
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts);
    match endpoint {
        Endpoint::Aws => loader.load().await,
        Endpoint::Url(url) => {
            let credentials = Credentials::new("gavel", "gavel", None, None, "gavel-local");
            loader
                .endpoint_url(url)
                .region(Region::new("us-east-1"))
                .credentials_provider(SharedCredentialsProvider::new(credentials))
                .load()
                .await
        }
    }
}
