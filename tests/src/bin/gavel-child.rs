//! The service as a child of the tests: its memory is its own. Ends when its standard input does.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let flags: Vec<_> = std::env::args_os().skip(1).collect();
    client_sim::server::serve(&flags).await
}
