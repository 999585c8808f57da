//! What a caller presents, before anything of it is checked.

use std::fmt;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use super::principal::AuthError;

/// The header of an API key.
pub const API_KEY_HEADER: &str = "x-api-key";

/// What a caller presents.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// `Authorization`: a token, usually after `Bearer`.
    pub authorization: Option<String>,
    /// `x-api-key`.
    pub api_key: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("has_authorization", &self.authorization.is_some())
            .field("has_api_key", &self.api_key.is_some())
            .finish()
    }
}

impl Credentials {
    /// The credentials in the headers of a request.
    ///
    /// # Errors
    /// With two of a kind: a proxy may have checked the other one.
    pub fn of(headers: &HeaderMap) -> Result<Self, AuthError> {
        let only = |name: &str| {
            let mut given = headers.get_all(name).iter();
            let first = given.next().map(|value| value.to_str().unwrap_or_default().to_owned());
            if given.next().is_some() { Err(AuthError::Several) } else { Ok(first) }
        };
        Ok(Self { authorization: only(AUTHORIZATION.as_str())?, api_key: only(API_KEY_HEADER)? })
    }

    /// A token alone.
    pub fn token(authorization: Option<String>) -> Self {
        Self { authorization, api_key: None }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn of_two_tokens_none_counts_and_neither_is_printed() {
        let mut headers = HeaderMap::new();
        assert!(Credentials::of(&headers).unwrap().is_empty());
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer secret"));
        headers.insert(API_KEY_HEADER, HeaderValue::from_static("secret"));
        let credentials = Credentials::of(&headers).unwrap();
        assert_eq!(credentials.api_key.as_deref(), Some("secret"));
        assert!(!format!("{credentials:?}").contains("secret"));
        headers.append(API_KEY_HEADER, HeaderValue::from_static("other"));
        assert_eq!(Credentials::of(&headers), Err(AuthError::Several));
    }
}
