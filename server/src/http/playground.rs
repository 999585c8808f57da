//! The playground: GraphiQL with examples ready to run.
//!
//! Its assets come from the npm package if they are installed (`playground/install`), else from a
//! CDN, which the page then mentions.

use std::path::{Path, PathBuf};

use axum::Router;
use tower_http::services::ServeDir;

use crate::limits;

const PAGE: &str = include_str!("playground.html");
const CDN: &str = "https://unpkg.com";

/// Values for the examples on the page.
#[derive(Debug, Clone, Default)]
pub struct Examples {
    /// An auction to bid on.
    pub auction_id: Option<String>,
    /// A bidder's token, set only if tokens are printed at start anyway.
    pub token: Option<String>,
}

/// The page, built at start.
#[derive(Debug)]
pub struct Playground {
    page: String,
    assets: Option<PathBuf>,
}

impl Playground {
    /// Builds the page with these examples, and with the assets in a directory if they exist.
    pub fn new(assets: &Path, examples: &Examples) -> Self {
        let installed = assets.join(limits::PLAYGROUND_PROBE).is_file();
        let (base, notice) = if installed {
            ("/playground", "")
        } else {
            (CDN, "GraphiQL is loaded from unpkg.com; playground/install makes it local.")
        };
        let json = |text: &Option<String>, default: &str| {
            serde_json::Value::from(text.as_deref().unwrap_or(default)).to_string()
        };
        let page = PAGE
            .replace("{{base}}", base)
            .replace("{{notice}}", notice)
            .replace("\"{{auction_id}}\"", &json(&examples.auction_id, "<an auction's id>"))
            .replace("\"{{token}}\"", &json(&examples.token, ""));
        Self { page, assets: installed.then(|| assets.to_owned()) }
    }

    /// The page.
    pub fn page(&self) -> &str {
        &self.page
    }
}

/// The route of the assets.
pub fn assets(playground: &Playground) -> Router {
    match &playground.assets {
        Some(directory) => Router::new().nest_service("/playground", ServeDir::new(directory)),
        None => Router::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(examples: &Examples) -> String {
        Playground::new(Path::new("no assets here"), examples).page
    }

    #[test]
    fn without_a_token_none_is_sent_and_the_page_says_where_one_comes_from() {
        let without = page(&Examples::default());
        assert!(without.contains("const token = \"\";"), "an empty token");
        assert!(!without.contains("<a bidder's token>"), "a placeholder is no token");
        assert!(without.contains("client-sim token"), "where one comes from");
        let token = Some("abc".to_owned());
        let with = page(&Examples { token, ..Examples::default() });
        assert!(with.contains("const token = \"abc\";"));
    }

    #[test]
    fn a_page_whose_scripts_do_not_come_says_so() {
        let page = page(&Examples::default());
        let scripts = page.matches("<script src=").count();
        assert_eq!(page.matches("onerror=\"notLoaded()\"").count(), scripts);
        assert!(page.contains("playground/install") && page.contains("setTimeout(notLoaded"));
        assert!(!page.contains("{{"), "a part was left out");
    }

    #[test]
    fn a_subscription_and_a_bid_have_windows_of_their_own() {
        let page = page(&Examples::default());
        assert!(page.contains("href=\"/graphql#bid\" target=\"_blank\""));
        assert!(!page.contains("bid in the next tab"), "leaving a tab ends its subscription");
    }
}
