//! The credentials of AppSync's handshake: in the subprotocol, the query string or plain headers.
//! Pure.

use axum::http::HeaderMap;
use axum::http::header::SEC_WEBSOCKET_PROTOCOL;
use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

use crate::auth::credentials::API_KEY_HEADER;
use crate::auth::{AuthError, Credentials};
use crate::limits;

/// What a client offers beside its protocol: `header-` and the encoded object.
const HEADER_PREFIX: &str = "header-";
/// The parameter of the query string with the encoded object.
const PARAMETER: &str = "header";

/// The credentials of a handshake, or what is wrong with them. The client is told after
/// `connection_init`: it does not listen before.
pub type Handshake = Result<Credentials, AuthError>;

/// Reads the credentials of a handshake from its headers and the parameters of its query string.
pub fn read(headers: &HeaderMap, parameters: &[(String, String)]) -> Handshake {
    let plain = Credentials::of(headers)?;
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let offered = offered.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    let offered = offered.filter_map(|name| name.trim().strip_prefix(HEADER_PREFIX));
    let parameters = parameters.iter().filter(|(name, _)| name == PARAMETER);
    let mut given = vec![plain];
    for encoded in offered.chain(parameters.map(|(_, value)| value.as_str())) {
        given.push(of_header(&decoded(encoded)?)?);
    }
    given.retain(|given| !given.is_empty());
    given.dedup();
    match given.len() {
        0 | 1 => Ok(given.pop().unwrap_or_default()),
        _ => Err(AuthError::Several),
    }
}

/// Decodes base64 in either alphabet, with padding or without.
fn decoded(text: &str) -> Result<String, AuthError> {
    let problem = AuthError::Malformed("header is not JSON in base64");
    if text.len() > limits::APPSYNC_HEADER_BYTES_MAX {
        return Err(AuthError::Malformed("header is too long"));
    }
    let alphabet = if text.contains(['-', '_']) { URL_SAFE } else { STANDARD };
    let padding =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    // A space stands for a plus that was not encoded.
    let bytes = GeneralPurpose::new(&alphabet, padding).decode(text.replace(' ', "+"));
    bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or(problem)
}

/// The credentials in an object like `{"host": ..., "Authorization": ...}`.
pub fn of_header(json: &str) -> Handshake {
    let fields: Map<String, Value> = serde_json::from_str(json)
        .map_err(|_| AuthError::Malformed("its authorization is not a JSON object"))?;
    let mut credentials = Credentials::default();
    for (name, value) in &fields {
        let place = match name.to_ascii_lowercase().as_str() {
            "authorization" => &mut credentials.authorization,
            API_KEY_HEADER => &mut credentials.api_key,
            _ => continue,
        };
        // A value that is no text is an invalid token, not a missing one.
        if place.replace(value.as_str().unwrap_or_default().to_owned()).is_some() {
            return Err(AuthError::Several);
        }
    }
    Ok(credentials)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use axum::http::header::AUTHORIZATION;
    use base64::engine::general_purpose;

    use super::*;

    fn token(text: &str) -> Credentials {
        Credentials::token(Some(text.to_owned()))
    }

    fn offering(protocols: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_str(protocols).unwrap());
        headers
    }

    fn parameter(encoded: &str) -> (String, String) {
        (PARAMETER.to_owned(), encoded.to_owned())
    }

    #[test]
    fn credentials_are_found_in_each_of_the_three_places() {
        let json = r#"{"host":"a.example:8080","Authorization":"a.b.c??>>"}"#;
        let unpadded = general_purpose::URL_SAFE_NO_PAD.encode(json);
        let headers = offering(&format!("graphql-ws, header-{unpadded}"));
        assert_eq!(read(&headers, &[]), Ok(token("a.b.c??>>")), "Amplify, link 4");
        let padded = general_purpose::STANDARD.encode(json);
        assert!(padded.contains(['+', '/']) && padded.ends_with('='));
        for encoded in [padded.clone(), padded.replace('+', " ")] {
            let query = [parameter(&encoded), ("payload".to_owned(), "e30=".to_owned())];
            assert_eq!(read(&offering("graphql-ws"), &query), Ok(token("a.b.c??>>")), "link 3");
        }
        let mut plain = offering("graphql-ws");
        plain.insert(AUTHORIZATION, HeaderValue::from_static("a.b.c"));
        assert_eq!(read(&plain, &[]), Ok(token("a.b.c")), "Swift, Android");
        assert_eq!(read(&HeaderMap::new(), &[]), Ok(Credentials::default()));
        let key = general_purpose::URL_SAFE.encode(r#"{"x-amz-date":"","x-api-key":"k"}"#);
        let headers = offering(&format!("graphql-ws, header-{key}"));
        assert_eq!(
            read(&headers, &[]),
            Ok(Credentials { authorization: None, api_key: Some("k".to_owned()) })
        );
    }

    #[test]
    fn what_is_unreadable_or_contradicted_is_not_passed_over() {
        for bad in ["header-", "header-%%", "header-bm8", "header-WzFd"] {
            let read = read(&offering(&format!("graphql-ws, {bad}")), &[]);
            assert!(matches!(read, Err(AuthError::Malformed(_))), "{bad}: {read:?}");
        }
        let of = |json: &str| general_purpose::URL_SAFE_NO_PAD.encode(json);
        let (a, b) = (of(r#"{"Authorization":"a"}"#), of(r#"{"Authorization":"b"}"#));
        let headers = offering(&format!("graphql-ws, header-{a}"));
        assert_eq!(read(&headers, &[parameter(&b)]), Err(AuthError::Several));
        assert_eq!(read(&headers, &[parameter(&a)]), Ok(token("a")), "the same twice");
        let both = of(r#"{"Authorization":"a","authorization":"b"}"#);
        let headers = offering(&format!("graphql-ws, header-{both}"));
        assert_eq!(read(&headers, &[]), Err(AuthError::Several));
        let headers = offering(&format!("graphql-ws, header-{}", of(r#"{"Authorization":7}"#)));
        assert_eq!(read(&headers, &[]), Ok(token("")), "no absence");
        let long = "A".repeat(limits::APPSYNC_HEADER_BYTES_MAX + 1);
        let headers = offering(&format!("graphql-ws, header-{long}"));
        assert!(matches!(read(&headers, &[]), Err(AuthError::Malformed(_))));
    }
}
