//! The web pages that a browser may come from. Pure.
//!
//! Browsers let any page open a WebSocket to any host, so the server checks `Origin` itself.
//! Clients other than browsers send none.

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};

/// The origins that are allowed besides the service's own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Origins {
    /// None.
    #[default]
    Own,
    /// These, such as `https://example.com`.
    These(Vec<String>),
    /// All.
    Any,
}

impl Origins {
    /// Parses the setting: `*`, or origins. An error names the entry that is none.
    pub fn of(given: &[String]) -> Result<Self, String> {
        let mut origins = Vec::with_capacity(given.len());
        for text in given {
            if text == "*" {
                return Ok(Self::Any);
            }
            let text = text.to_ascii_lowercase();
            let host = text.split_once("://").map(|(_, host)| host);
            let is_bare = host.is_some_and(|host| {
                !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ', '*'])
            });
            if !is_bare {
                return Err(format!("{text:?} is not an origin such as https://example.com"));
            }
            origins.push(text);
        }
        Ok(if origins.is_empty() { Self::Own } else { Self::These(origins) })
    }

    /// Whether the page that a request comes from is allowed.
    pub fn admit(&self, headers: &HeaderMap) -> bool {
        let mut given = headers.get_all(ORIGIN).iter();
        let Some(origin) = given.next() else { return true };
        let Ok(origin) = origin.to_str() else { return false };
        if given.next().is_some() {
            return false;
        }
        let origin = origin.to_ascii_lowercase();
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let is_own = host.is_some_and(|host| {
            origin.split_once("://").is_some_and(|(_, of)| of == host.to_ascii_lowercase())
        });
        is_own
            || match self {
                Self::Own => false,
                Self::These(origins) => origins.contains(&origin),
                Self::Any => true,
            }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn admits(origins: &[&str], origin: Option<&'static str>) -> bool {
        let given: Vec<String> = origins.iter().map(|text| (*text).to_owned()).collect();
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("gavel.example:8080"));
        if let Some(origin) = origin {
            headers.insert(ORIGIN, HeaderValue::from_static(origin));
        }
        Origins::of(&given).unwrap().admit(&headers)
    }

    #[test]
    fn its_own_pages_and_clients_that_are_no_browsers_are_let_in() {
        assert!(admits(&[], None));
        assert!(admits(&[], Some("http://gavel.example:8080")));
        assert!(admits(&[], Some("https://Gavel.example:8080")));
    }

    #[test]
    fn other_pages_are_not_unless_they_are_named() {
        let shop = "https://shop.example";
        for origin in [shop, "null", "", "http://gavel.example", "https://gavel.example:8080.evil"]
        {
            assert!(!admits(&[], Some(origin)), "{origin:?}");
        }
        assert!(admits(&[shop], Some(shop)));
        assert!(!admits(&[shop], Some("https://shop.example.evil")));
        assert!(!admits(&[shop], Some("http://shop.example")), "the scheme is part of it");
        assert!(admits(&["*"], Some("https://evil.example")));
    }

    #[test]
    fn a_setting_that_is_no_origin_is_refused() {
        for text in ["example.com", "https://", "https://a/b", "https://*.a", "", "https://u@a"] {
            assert!(Origins::of(&[text.to_owned()]).is_err(), "{text:?}");
        }
        assert_eq!(Origins::of(&[]), Ok(Origins::Own));
    }
}
