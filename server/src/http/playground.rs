//! The playground: GraphiQL with examples ready to run.
//!
//! Its assets come from the npm package when they were installed (`playground/install`), else from
//! a CDN, and then the page says so.

use std::path::{Path, PathBuf};

use axum::Router;
use tower_http::services::ServeDir;

use crate::limits;

const PAGE: &str = include_str!("playground.html");
const CDN: &str = "https://unpkg.com";

/// What the page is made with.
#[derive(Debug, Clone, Default)]
pub struct Examples {
    /// An auction to bid on.
    pub auction_id: Option<String>,
    /// A bidder's token; only where tokens are printed at start anyway.
    pub token: Option<String>,
}

/// The page, made at start.
#[derive(Debug)]
pub struct Playground {
    page: String,
    assets: Option<PathBuf>,
}

impl Playground {
    /// The page with these examples, and the assets in a directory if they are there.
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
            .replace("\"{{token}}\"", &json(&examples.token, "<a bidder's token>"));
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
