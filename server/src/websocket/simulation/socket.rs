//! A socket in memory: so many bytes between a server and a client that reads as it likes. Groups and the
//! connection write to it as they do to a [`SharedSocket`](super::super::shared_socket::SharedSocket).

use std::fmt;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::super::shared_socket::{FrameSink, Written};

/// A socket in memory.
pub(super) struct MemorySocket {
    state: Mutex<State>,
    /// Its bytes that nobody has read, at most.
    capacity: usize,
    written: Notify,
    read: Notify,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    /// The rest of what was taken in part.
    pending: Vec<u8>,
    held: bool,
}

impl fmt::Debug for MemorySocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemorySocket")
    }
}

impl FrameSink for MemorySocket {
    fn write_whole(&self, frames: &[u8], may: &dyn Fn() -> bool) -> Written {
        let mut state = self.state.lock();
        if state.held || !state.pending.is_empty() || !may() {
            return Written::Not;
        }
        let room = self.capacity.saturating_sub(state.bytes.len());
        if room == 0 {
            return Written::Not;
        }
        let (now, later) = frames.split_at(room.min(frames.len()));
        state.bytes.extend_from_slice(now);
        state.pending.extend_from_slice(later);
        self.written.notify_one();
        if later.is_empty() { Written::Whole } else { Written::Partly }
    }

    fn wait_for_writer(&self) {
        drop(self.state.lock());
    }
}

impl MemorySocket {
    pub(super) fn new(capacity: usize) -> Self {
        let (written, read) = (Notify::new(), Notify::new());
        Self { state: Mutex::default(), capacity, written, read }
    }

    /// From now on only the connection writes, or no longer only it.
    pub(super) fn hold(&self, held: bool) {
        self.state.lock().held = held;
    }

    /// The connection writes: first what was taken in part, then these messages, as frames.
    pub(super) async fn send(&self, texts: &[String]) {
        let mut frames: Vec<u8> = texts.iter().flat_map(|text| frame(text)).collect();
        loop {
            {
                let mut state = self.state.lock();
                let mut all = std::mem::take(&mut state.pending);
                all.append(&mut frames);
                let room = self.capacity.saturating_sub(state.bytes.len());
                let later = all.split_off(room.min(all.len()));
                state.bytes.append(&mut all);
                state.pending = later;
                self.written.notify_one();
                if state.pending.is_empty() {
                    return;
                }
            }
            self.read.notified().await;
        }
    }

    /// The client reads what has come, or waits for something.
    pub(super) async fn read(&self) -> Vec<u8> {
        loop {
            let bytes = std::mem::take(&mut self.state.lock().bytes);
            if !bytes.is_empty() {
                self.read.notify_one();
                return bytes;
            }
            self.written.notified().await;
        }
    }
}

/// A server's text frame, by the protocol's own words (RFC 6455, 5.2).
fn frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match text.len() {
        short @ 0..=125 => frame.push(short as u8),
        middle @ 126..=0xffff => {
            frame.push(126);
            frame.extend((middle as u16).to_be_bytes());
        }
        long => {
            frame.push(127);
            frame.extend((long as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(text.as_bytes());
    frame
}

/// The whole messages at the beginning of what has come; they are taken.
pub(super) fn messages(bytes: &mut Vec<u8>) -> Vec<String> {
    let mut messages = Vec::new();
    while let Some((from, length)) = head(bytes) {
        let Some(text) = bytes.get(from..from + length) else { break };
        messages.push(String::from_utf8(text.to_vec()).expect("text"));
        bytes.drain(..from + length);
    }
    messages
}

/// Where the text of the first frame begins, and its length.
fn head(bytes: &[u8]) -> Option<(usize, usize)> {
    assert_eq!(*bytes.first()?, 0x81, "a frame begins where the one before it ended");
    match *bytes.get(1)? {
        126 => {
            Some((4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().expect("two")))))
        }
        127 => {
            let length = u64::from_be_bytes(bytes.get(2..10)?.try_into().expect("eight"));
            Some((10, length as usize))
        }
        short => Some((2, usize::from(short))),
    }
}
