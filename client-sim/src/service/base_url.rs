//! The URL of a service as users paste it, and the base URL that clients need.

use reqwest::Url;

/// The base of a service's URL: `http://host:port`, from `http://host:port/graphql` as the service
/// prints it, from its WebSocket URL, or from the base itself.
///
/// # Errors
/// What a URL looks like, if it is none.
pub fn parse(text: &str) -> Result<String, String> {
    let problem = || format!("not a URL such as http://127.0.0.1:8080: {text:?}");
    let mut url = Url::parse(text.trim()).map_err(|_| problem())?;
    let scheme = match url.scheme() {
        "http" | "ws" => "http",
        "https" | "wss" => "https",
        _ => return Err(problem()),
    };
    if url.host_str().is_none_or(str::is_empty) || !url.username().is_empty() {
        return Err(problem());
    }
    url.set_query(None);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/graphql/ws").or_else(|| path.strip_suffix("/graphql"));
    let path = path.unwrap_or_else(|| url.path()).trim_end_matches('/').to_owned();
    let authority = url.authority();
    Ok(format!("{scheme}://{authority}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_service_prints_is_accepted() {
        for (given, base) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
            ("http://127.0.0.1:8080/graphql", "http://127.0.0.1:8080"),
            ("http://127.0.0.1:8080/graphql/", "http://127.0.0.1:8080"),
            ("ws://127.0.0.1:8080/graphql/ws", "http://127.0.0.1:8080"),
            ("wss://bids.example/graphql/ws", "https://bids.example"),
            ("https://shop.example/gavel/graphql?x=1#y", "https://shop.example/gavel"),
            ("http://[::1]:8080/graphql", "http://[::1]:8080"),
        ] {
            assert_eq!(parse(given).as_deref(), Ok(base), "{given}");
        }
    }

    #[test]
    fn what_is_no_url_is_named() {
        for bad in ["", "127.0.0.1:8080", "localhost:8080", "ftp://x", "http://", "http://u:p@x"] {
            assert!(parse(bad).unwrap_err().contains(bad), "{bad}");
        }
    }
}
