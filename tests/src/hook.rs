//! An authorizer: a hook that says who the bearer of an opaque token is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// What it answers to a token.
type Answer = Arc<dyn Fn(&str) -> Value + Send + Sync>;

/// A running hook.
pub struct Hook {
    /// Where it is.
    pub url: String,
    answer: Arc<Mutex<Answer>>,
    asked: Arc<AtomicU32>,
    _serving: JoinSet<()>,
}

type Shared = (Arc<Mutex<Answer>>, Arc<AtomicU32>);

async fn authorize(
    State((answer, asked)): State<Shared>,
    Json(question): Json<Value>,
) -> Json<Value> {
    asked.fetch_add(1, Ordering::SeqCst);
    let answer = Arc::clone(&answer.lock());
    Json(answer(question["authorizationToken"].as_str().unwrap_or_default()))
}

impl Hook {
    /// Starts one that answers like this.
    pub async fn new(answer: impl Fn(&str) -> Value + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/authorize", listener.local_addr().expect("bound"));
        let answer: Arc<Mutex<Answer>> = Arc::new(Mutex::new(Arc::new(answer)));
        let asked = Arc::<AtomicU32>::default();
        let shared = (Arc::clone(&answer), Arc::clone(&asked));
        let router = Router::new().route("/authorize", post(authorize)).with_state(shared);
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { url, answer, asked, _serving: serving }
    }

    /// From now on it answers like this.
    pub fn answers(&self, answer: impl Fn(&str) -> Value + Send + Sync + 'static) {
        *self.answer.lock() = Arc::new(answer);
    }

    /// How often it was asked.
    pub fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }
}

/// The answer that admits a user.
pub fn admits(user: &str, roles: &str) -> Value {
    json!({ "isAuthorized": true, "resolverContext": { "sub": user, "roles": roles } })
}
