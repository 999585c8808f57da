//! One subscriber: a socket with one subscription, whose events are noted.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::protocol::Heard;
use super::{Came, Plan, SharedLog, template};

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a subscription is given to join where the protocol does not say that it has.
const JOINS_IN: Duration = Duration::from_millis(500);

pub(super) struct Subscriber {
    plan: Arc<Plan>,
    number: usize,
    log: SharedLog,
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Subscriber {
    /// Connects and subscribes.
    pub(super) async fn open(
        plan: Arc<Plan>,
        number: usize,
        log: SharedLog,
    ) -> anyhow::Result<Self> {
        timeout(HANDSHAKE_TIMEOUT, Self::subscribed(plan, number, log))
            .await
            .with_context(|| format!("it could not subscribe within {HANDSHAKE_TIMEOUT:?}"))?
    }

    async fn subscribed(plan: Arc<Plan>, number: usize, log: SharedLog) -> anyhow::Result<Self> {
        let mut request = plan.ws_url.as_str().into_client_request().context("--ws-url")?;
        let host = request.uri().authority().context("--ws-url: no host")?.to_string();
        let offer = HeaderValue::from_str(&plan.protocol.offer(&plan.identity, &host))?;
        request.headers_mut().insert("sec-websocket-protocol", offer);
        if let Some(key) = &plan.identity.api_key {
            request.headers_mut().insert("x-api-key", HeaderValue::from_str(key)?);
        }
        let connected = connect_async(request).await;
        let (stream, _) =
            connected.with_context(|| format!("cannot connect to {}", plan.ws_url))?;
        let mut this = Self { plan, number, log, stream };
        let init = this.plan.protocol.init(&this.plan.identity);
        this.stream.send(Message::text(init)).await?;
        this.wait_for(&Heard::Acknowledged).await?;
        let document = &this.plan.subscription;
        let variables = template::fill(&document.variables, "", 0);
        let subscribe =
            this.plan.protocol.subscribe(&document.query, &variables, &this.plan.identity, &host);
        this.stream.send(Message::text(subscribe)).await?;
        if this.plan.protocol.says_joined() {
            this.wait_for(&Heard::Joined).await?;
        } else if let Ok(early) = timeout(JOINS_IN, this.next()).await {
            // What comes so early is a refusal, or another one's event.
            match early? {
                (Heard::Ended(why), _) => bail!("the subscription was refused: {why}"),
                (early, at) => this.note(early, at),
            }
        }
        Ok(this)
    }

    /// Notes events until the socket ends.
    pub(super) async fn listen(mut self) {
        loop {
            match self.next().await {
                Ok((Heard::Ended(why), _)) => return self.log.lock().ended.push(why),
                Ok((heard, at)) => self.note(heard, at),
                Err(error) => return self.log.lock().ended.push(format!("{error:#}")),
            }
        }
    }

    async fn wait_for(&mut self, what: &Heard) -> anyhow::Result<()> {
        loop {
            match self.next().await? {
                (heard, _) if heard == *what => return Ok(()),
                (Heard::Ended(why), _) => bail!("refused: {why}"),
                _ => {}
            }
        }
    }

    /// The next message, and when it came; what is to be answered is answered.
    async fn next(&mut self) -> anyhow::Result<(Heard, Instant)> {
        loop {
            let message = self.stream.next().await.context("the socket has ended")??;
            let at = Instant::now();
            match message {
                Message::Text(text) => match self.plan.protocol.hear(&text) {
                    Heard::Answer(answer) => self.stream.send(Message::text(answer)).await?,
                    heard => return Ok((heard, at)),
                },
                Message::Close(frame) => {
                    let why = frame.map(|frame| format!("{} {}", frame.code, frame.reason));
                    let why = format!("closed: {}", why.unwrap_or_default());
                    return Ok((Heard::Ended(why), at));
                }
                _ => {}
            }
        }
    }

    fn note(&self, heard: Heard, at: Instant) {
        let Heard::Event(response) = heard else { return };
        let data = &response["data"];
        let key = match &self.plan.event_key {
            Some(path) => template::text_at(data, path),
            None => template::marker_in(&response.to_string(), &self.plan.run),
        };
        let number = self.plan.event_number.as_ref();
        let number = number.and_then(|path| template::text_at(data, path)?.parse().ok());
        let mut log = self.log.lock();
        match key {
            Some(key) => log.came(Came { subscriber: self.number, key, number, at }),
            None => log.others += 1,
        }
    }
}
