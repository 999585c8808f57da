//! An OTLP receiver (HTTP/protobuf or gRPC) that keeps the spans it is sent.

use std::io;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tonic::transport::server::{Server, TcpIncoming};
use tonic::{Request, Response, Status};

type Spans = Arc<Mutex<Vec<Span>>>;

/// An empty answer is a whole one in protobuf.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\n\
    content-length: 0\r\nconnection: close\r\n\r\n";

/// A receiver; it ends when it is dropped.
pub struct Collector {
    /// Where spans are to be sent.
    pub url: String,
    spans: Spans,
    _serving: JoinSet<()>,
}

impl Collector {
    /// Starts one that speaks gRPC.
    pub async fn start_grpc() -> Self {
        let incoming = TcpIncoming::bind(([127, 0, 0, 1], 0).into()).expect("a port");
        let url = format!("http://{}", incoming.local_addr().expect("an address"));
        let spans = Spans::default();
        let service = TraceServiceServer::new(Keeper(Arc::clone(&spans)));
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let served = Server::builder().add_service(service).serve_with_incoming(incoming);
            served.await.expect("it serves until it is dropped");
        });
        Self { url, spans, _serving: serving }
    }

    /// Starts one that speaks HTTP.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/v1/traces", listener.local_addr().expect("an address"));
        let spans = Spans::default();
        let kept = Arc::clone(&spans);
        let mut serving = JoinSet::new();
        // One export at a time: an exporter waits for its answer.
        serving.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let request = receive(stream).await.expect("an export request");
                keep(&kept, request);
            }
        });
        Self { url, spans, _serving: serving }
    }

    /// What has come so far.
    pub fn spans(&self) -> Vec<Span> {
        self.spans.lock().expect("no panic under the lock").clone()
    }
}

struct Keeper(Spans);

#[tonic::async_trait]
impl TraceService for Keeper {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        keep(&self.0, request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn keep(spans: &Spans, request: ExportTraceServiceRequest) {
    let scopes = request.resource_spans.into_iter().flat_map(|from| from.scope_spans);
    let mut spans = spans.lock().expect("no panic under the lock");
    spans.extend(scopes.flat_map(|scope| scope.spans));
}

/// Takes one request of one connection.
async fn receive(mut stream: TcpStream) -> io::Result<ExportTraceServiceRequest> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some(body) = bytes.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4) else {
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..body]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.and_then(|text| text.trim().parse().ok()).expect("a length");
        if bytes.len() >= body + length {
            let request = ExportTraceServiceRequest::decode(&bytes[body..body + length])?;
            stream.write_all(ANSWER).await?;
            return Ok(request);
        }
    }
}
