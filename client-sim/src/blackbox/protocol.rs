//! What a subscriber says and hears, in either protocol. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::Identity;

/// A protocol of subscriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// That of the library graphql-ws.
    GraphqlTransportWs,
    /// AppSync's real-time protocol.
    Appsync,
}

/// The id of each subscription: one to a socket.
const ID: &str = "6d656173-7572-4d65-8000-000000000001";

/// What a server said.
#[derive(Debug, PartialEq)]
pub enum Heard {
    /// The connection is acknowledged: subscribe.
    Acknowledged,
    /// The subscription has joined; not all protocols say so.
    Joined,
    /// An event: the response.
    Event(Value),
    /// To be answered with this text.
    Answer(String),
    /// It is over, because of this.
    Ended(String),
    /// Nothing that matters.
    Nothing,
}

impl Protocol {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::GraphqlTransportWs => "graphql-transport-ws",
            Self::Appsync => "appsync",
        }
    }

    /// Where subscriptions are opened, for an HTTP endpoint.
    pub fn url(self, endpoint: &str) -> String {
        let socket = endpoint.trim_end_matches('/').replacen("http", "ws", 1);
        match self {
            Self::GraphqlTransportWs => format!("{socket}/ws"),
            Self::Appsync if socket.contains(".appsync-api.") => {
                socket.replacen(".appsync-api.", ".appsync-realtime-api.", 1)
            }
            Self::Appsync => format!("{socket}/realtime"),
        }
    }

    /// `Sec-WebSocket-Protocol`; for AppSync with the credentials.
    pub fn offer(self, identity: &Identity, host: &str) -> String {
        match self {
            Self::GraphqlTransportWs => "graphql-transport-ws".to_owned(),
            Self::Appsync => {
                let header = URL_SAFE_NO_PAD.encode(authorization(identity, host).to_string());
                format!("graphql-ws, header-{header}")
            }
        }
    }

    /// `Authorization` of an HTTP request.
    pub fn bearer(self, token: &str) -> String {
        match self {
            Self::GraphqlTransportWs => format!("Bearer {token}"),
            Self::Appsync => token.to_owned(),
        }
    }

    /// The first message.
    pub fn init(self, identity: &Identity) -> String {
        let payload = match (self, &identity.token) {
            (Self::GraphqlTransportWs, Some(token)) => {
                json!({ "authorization": format!("Bearer {token}") })
            }
            _ => json!({}),
        };
        json!({ "type": "connection_init", "payload": payload }).to_string()
    }

    /// The message that subscribes.
    pub fn subscribe(
        self,
        query: &str,
        variables: &Value,
        identity: &Identity,
        host: &str,
    ) -> String {
        let request = json!({ "query": query, "variables": variables });
        match self {
            Self::GraphqlTransportWs => {
                json!({ "id": ID, "type": "subscribe", "payload": request }).to_string()
            }
            Self::Appsync => {
                let extensions = json!({ "authorization": authorization(identity, host) });
                let payload = json!({ "data": request.to_string(), "extensions": extensions });
                json!({ "id": ID, "type": "start", "payload": payload }).to_string()
            }
        }
    }

    /// Whether a server says that a subscription has joined.
    pub fn says_joined(self) -> bool {
        self == Self::Appsync
    }

    /// Reads a message.
    pub fn hear(self, text: &str) -> Heard {
        let Ok(mut message) = serde_json::from_str::<Value>(text) else {
            return Heard::Ended(format!("a message that is no JSON: {}", short(text)));
        };
        let payload = message["payload"].take();
        match message["type"].as_str().unwrap_or_default() {
            "connection_ack" => Heard::Acknowledged,
            "start_ack" => Heard::Joined,
            "next" | "data" => Heard::Event(payload),
            "ping" => Heard::Answer(json!({ "type": "pong" }).to_string()),
            "connection_error" | "error" => Heard::Ended(short(&payload.to_string())),
            "complete" => Heard::Ended("the service has completed it".to_owned()),
            _ => Heard::Nothing,
        }
    }
}

fn authorization(identity: &Identity, host: &str) -> Value {
    let mut header = json!({ "host": host });
    if let Some(token) = &identity.token {
        header["Authorization"] = token.as_str().into();
    }
    if let Some(key) = &identity.api_key {
        header["x-api-key"] = key.as_str().into();
    }
    header
}

/// The beginning of a text.
pub(super) fn short(text: &str) -> String {
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_where_each_service_has_them() {
        let aws = "https://abc.appsync-api.eu-west-1.amazonaws.com/graphql";
        let realtime = "wss://abc.appsync-realtime-api.eu-west-1.amazonaws.com/graphql";
        assert_eq!(Protocol::Appsync.url(aws), realtime);
        let own = "http://localhost:8080/graphql";
        assert_eq!(Protocol::Appsync.url(own), "ws://localhost:8080/graphql/realtime");
        assert_eq!(Protocol::GraphqlTransportWs.url(own), "ws://localhost:8080/graphql/ws");
    }

    #[test]
    fn both_protocols_are_heard() {
        let (transport, appsync) = (Protocol::GraphqlTransportWs, Protocol::Appsync);
        for protocol in [transport, appsync] {
            assert_eq!(protocol.hear(r#"{"type":"connection_ack"}"#), Heard::Acknowledged);
            assert!(matches!(protocol.hear("<html>"), Heard::Ended(_)));
        }
        let next = r#"{"id":"1","type":"next","payload":{"data":{"a":1}}}"#;
        assert_eq!(transport.hear(next), Heard::Event(json!({ "data": { "a": 1 } })));
        let data = r#"{"id":"1","type":"data","payload":{"data":{"a":1}}}"#;
        assert_eq!(appsync.hear(data), Heard::Event(json!({ "data": { "a": 1 } })));
        assert_eq!(appsync.hear(r#"{"type":"ka"}"#), Heard::Nothing);
        assert_eq!(appsync.hear(r#"{"type":"start_ack","id":"1"}"#), Heard::Joined);
        assert!(matches!(transport.hear(r#"{"type":"ping"}"#), Heard::Answer(_)));
        let identity = Identity { token: Some("a.b.c".to_owned()), api_key: None };
        assert!(!format!("{identity:?}").contains("a.b.c"));
        assert!(transport.init(&identity).contains("Bearer a.b.c"));
        let offer = appsync.offer(&identity, "h");
        let encoded = offer.strip_prefix("graphql-ws, header-").expect("the header");
        let decoded = URL_SAFE_NO_PAD.decode(encoded).expect("base64");
        assert!(String::from_utf8_lossy(&decoded).contains("\"Authorization\":\"a.b.c\""));
    }
}
