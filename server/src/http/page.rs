//! The page for bidders at `/`: files of `page/` and of the package gavel-client, embedded.
//!
//! They are plain ES modules, served as they stand in the tree: nothing builds them when the service
//! is built, and the page asks no other host.

mod files;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use gavel_core::clock;
use serde_json::{Value, json};

use self::files::{FILES, File};
use crate::auth::{Role, Verifier};

const INDEX: &str = include_str!("../../../page/index.html");
/// Where the page names its modules, so that browsers fetch them all at once.
const MODULES: &str = "<!-- modules -->";

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// No script or style in the page itself, nothing from elsewhere, and no text that becomes code.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'; require-trusted-types-for 'script'";

/// Those whom a visitor may be, if everybody may have a token anyway.
const DEMO_BIDDERS: [&str; 4] = ["demo-ann", "demo-ben", "demo-cleo", "demo-dov"];
/// Short, so that the page shows that it renews them.
const DEMO_TOKEN_LIFE: Duration = Duration::from_secs(15 * 60);

/// The page, built at start.
#[derive(Debug)]
pub struct Page {
    index: String,
    /// Signs the tokens of demo bidders; `None` unless the secret is random.
    demo: Option<Verifier>,
}

impl Page {
    /// The page. With `demo`, it hands out tokens of demo bidders.
    pub fn new(demo: Option<Verifier>) -> Self {
        let modules = FILES.iter().filter(|file| kind(file) == JAVASCRIPT);
        let links: Vec<_> = modules
            .map(|file| format!("<link rel=\"modulepreload\" href=\"{}\" />", file.path))
            .collect();
        Self { index: INDEX.replace(MODULES, &links.join("\n    ")), demo }
    }

    /// The answer to a browser's `GET /`.
    pub(super) fn index(&self, headers: &HeaderMap) -> Response {
        answer(headers, "text/html; charset=utf-8", self.index.as_bytes())
    }

    /// Who a visitor may be without a token of their own.
    fn session(&self) -> Value {
        let now = clock::now();
        let bidders: Vec<_> = (self.demo.iter())
            .flat_map(|verifier| DEMO_BIDDERS.map(|id| (id, verifier)))
            .filter_map(|(id, verifier)| {
                let token = verifier.mint(id, &[Role::Bidder], now, DEMO_TOKEN_LIFE)?;
                Some(json!({ "id": id, "token": token }))
            })
            .collect();
        json!({ "bidders": bidders })
    }
}

/// The routes of the page's files.
pub fn routes(page: &Arc<Page>) -> Router {
    let page = Arc::clone(page);
    let session = async move || ([(CACHE_CONTROL, super::NO_STORE)], Json(page.session()));
    FILES.iter().fold(Router::new().route("/page/session.json", get(session)), |router, file| {
        router.route(file.path, get(async move |headers: HeaderMap| serve(&headers, file)))
    })
}

fn serve(headers: &HeaderMap, file: &'static File) -> Response {
    answer(headers, kind(file), file.text.as_bytes())
}

fn kind(file: &File) -> &'static str {
    match file.path.rsplit('.').next() {
        Some("js") => JAVASCRIPT,
        Some("css") => "text/css; charset=utf-8",
        _ => "image/svg+xml",
    }
}

/// A browser keeps a file, and asks each time whether it is still the same: all of a version belong
/// together.
fn answer(headers: &HeaderMap, kind: &'static str, body: &[u8]) -> Response {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    let tag = format!("W/\"{:016x}\"", hasher.finish());
    let is_known =
        headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(CONTENT_TYPE, kind)], body.to_vec()).into_response()
    };
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    for (name, value) in [
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    const TOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

    /// The files below a folder of the tree that a browser may ask for.
    fn below(folder: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for entry in std::fs::read_dir(Path::new(TOP).join(folder)).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.file_type().unwrap().is_dir() {
                found.extend(below(&path));
            } else if [".js", ".css", ".svg"].iter().any(|end| path.ends_with(end)) {
                found.insert(format!("/{path}"));
            }
        }
        found
    }

    #[test]
    fn every_file_of_the_page_and_its_client_is_embedded() {
        let embedded: BTreeSet<_> = FILES.iter().map(|file| file.path.to_owned()).collect();
        let mut expected = below("page");
        expected.extend(below("clients/typescript/dist"));
        // For other libraries; the page does not use it.
        expected.remove("/clients/typescript/dist/resume.js");
        assert_eq!(embedded, expected);
    }

    #[test]
    fn no_script_or_style_is_in_the_page_itself_and_nothing_is_from_elsewhere() {
        let page = Page::new(None).index;
        assert!(!page.contains("<style") && !page.contains(" style=") && !page.contains(MODULES));
        assert_eq!(
            page.matches("<script").count(),
            page.matches("<script type=\"module\" src=").count()
        );
        assert!(!page.contains("://"), "another host");
        assert!(page.contains("modulepreload\" href=\"/page/lot.js\""));
        for file in FILES {
            let urls = file.text.matches("https://").count() + file.text.matches("http://").count();
            let names = file.text.matches("http://www.w3.org/2000/svg").count();
            assert_eq!(urls, names, "{} names another host", file.path);
        }
        assert!(!POLICY.contains("unsafe"));
    }

    #[test]
    fn without_a_random_secret_nobody_gets_a_token() {
        assert_eq!(Page::new(None).session(), json!({ "bidders": [] }));
    }
}
