//! Why a socket was not admitted: the service's message, the limit, and when to retry.

use std::time::Duration;

use serde_json::Value;
use tokio_tungstenite::tungstenite::http::Response;

use crate::service::limits::{advice, flag_of};

/// The service did not admit a socket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not admitted: {message}{}", self.advice())]
pub struct NotAdmitted {
    /// The message of the service.
    pub message: String,
    /// The limit that was reached, if it was one.
    pub limit: Option<String>,
    /// When to retry, if the service said so.
    pub retry_after: Option<Duration>,
}

impl NotAdmitted {
    /// Rejected by an HTTP answer to the upgrade.
    pub fn by_http(response: &Response<Option<Vec<u8>>>) -> Self {
        let body = response.body().as_deref().unwrap_or_default();
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let error = &body["errors"][0];
        let extensions = &error["extensions"];
        let header = || {
            let seconds = response.headers().get("retry-after")?.to_str().ok()?;
            seconds.parse().ok().map(Duration::from_secs)
        };
        let retry_after = extensions["retryAfterMs"].as_u64().map(Duration::from_millis);
        let said = error["message"].as_str().unwrap_or("the WebSocket upgrade was refused");
        Self {
            message: format!("HTTP {}: {said}", response.status()),
            limit: extensions["limit"].as_str().map(str::to_owned),
            retry_after: retry_after.or_else(header),
        }
    }

    /// Rejected by a close frame.
    pub fn by_close(code: u16, reason: &str) -> Self {
        let limit = flag_of(reason).map(|_| reason.to_owned());
        Self { message: format!("closed {code} {reason}"), limit, retry_after: None }
    }

    fn advice(&self) -> String {
        self.limit.as_deref().map_or_else(String::new, |limit| format!("; {}", advice(limit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_service_says_of_a_limit_is_kept() {
        let body = br#"{"errors":[{"message":"slow down","extensions":
            {"code":"RATE_LIMITED","retryAfterMs":40,"limit":"handshakes_per_address"}}]}"#;
        let response = Response::builder().status(429).body(Some(body.to_vec())).unwrap();
        let refused = NotAdmitted::by_http(&response);
        assert_eq!(refused.retry_after, Some(Duration::from_millis(40)));
        let told = refused.to_string();
        for part in ["429", "slow down", "--handshakes-per-second"] {
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    fn a_proxy_that_knows_nothing_of_limits_is_quoted() {
        let response = Response::builder().status(502).header("retry-after", "3").body(None);
        let refused = NotAdmitted::by_http(&response.unwrap());
        assert_eq!((refused.retry_after, &refused.limit), (Some(Duration::from_secs(3)), &None));
        assert!(refused.to_string().contains("502"), "{refused}");
    }

    #[test]
    fn too_many_sockets_of_a_user_name_their_flag_and_other_closes_do_not() {
        let told = NotAdmitted::by_close(1013, "Too many sockets of this user").to_string();
        assert!(told.contains("--sockets-per-user"), "{told}");
        let told = NotAdmitted::by_close(4403, "Forbidden").to_string();
        assert!(told.contains("4403 Forbidden") && !told.contains("limit"), "{told}");
    }
}
