//! The floor: one `send` of the same bytes per socket, and nothing else. No protocol, no runtime.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use client_sim::service::server::ReadyLine;

use crate::event;
use crate::frame;

/// Sends so many events a second to every socket that connects, for ever.
///
/// # Errors
/// When no port can be bound.
pub(crate) fn run(rate: f64) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("{}", serde_json::to_string(&ReadyLine { url, embedded_endpoint: None })?);
    let (sender, arrivals) = mpsc::sync_channel::<TcpStream>(1_000);
    thread::Builder::new().name("accept".into()).spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            if stream.set_nodelay(true).is_ok() && sender.send(stream).is_err() {
                return;
            }
        }
    })?;
    let every = Duration::from_secs_f64(1.0 / rate);
    let mut sockets: Vec<TcpStream> = Vec::new();
    let mut next = Instant::now();
    for sequence in 1.. {
        next += every;
        thread::sleep(next.saturating_duration_since(Instant::now()));
        sockets.extend(arrivals.try_iter());
        let bytes = frame::from_server(&event::text(sequence));
        sockets.retain_mut(|socket| socket.write_all(&bytes).is_ok());
    }
    Ok(())
}
