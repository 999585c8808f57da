//! An event for every member of a group, encoded once.

use std::sync::Arc;

use gavel_core::auction::Timestamp;

/// How an event is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// As a GraphQL response.
    Response,
    /// The value of its only field, as JSON within a text.
    Text,
}

/// An event as JSON; a response has a second form with the replay mark.
#[derive(Debug)]
pub struct Payload {
    json: String,
    published_at: Option<Timestamp>,
}

/// How the events of a subscription are framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// As text frames of a WebSocket: the subscription's prefix, the payload.
    WebSocket,
    /// As server-sent events, in a chunk of an HTTP answer.
    EventStream,
}

/// The end of a `next` frame, after the payload.
const FRAME_END: &str = "}";
const REPLAY_MARK: &str = r#","extensions":{"replay":true}}"#;

impl Payload {
    /// Makes a payload from a response's JSON.
    pub fn new(json: String) -> Self {
        debug_assert!(json.ends_with(['}', '"']), "a response is a JSON object, or a text");
        Self { json, published_at: None }
    }

    /// The same payload, of a bid that was published at this time.
    pub fn published(self, at: Option<Timestamp>) -> Self {
        Self { published_at: at, ..self }
    }

    /// When the bid was published, if it is one.
    pub fn published_at(&self) -> Option<Timestamp> {
        self.published_at
    }

    /// The length of the frame of a text of this length, with its head.
    pub fn framed(length: usize) -> usize {
        length
            + match length {
                0..=125 => 2,
                126..=0xffff => 4,
                _ => 10,
            }
    }

    /// The `next` message, in parts: the subscription's own prefix, the shared payload.
    fn message<'a>(&'a self, prefix: &'a str, replay: bool) -> [&'a str; 4] {
        match self.json.strip_suffix('}') {
            Some(open) if replay => [prefix, open, REPLAY_MARK, FRAME_END],
            _ => [prefix, &self.json, "", FRAME_END],
        }
    }

    /// The whole `next` message as text.
    pub fn text(&self, prefix: &str, replay: bool) -> String {
        self.message(prefix, replay).concat()
    }

    /// The whole `next` message as a WebSocket frame.
    fn write_frame(&self, prefix: &str, replay: bool, out: &mut Vec<u8>) {
        let message = self.message(prefix, replay);
        write_head(message.iter().map(|part| part.len()).sum(), out);
        message.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
    }

    /// The event as a server-sent one. Bids have an id: their sequence, from which a client that
    /// comes back resumes.
    pub fn write_event(&self, number: u64, replay: bool, out: &mut Vec<u8>) {
        out.extend_from_slice(b"event: next\n");
        if self.published_at.is_some() {
            out.extend_from_slice(format!("id: {number}\n").as_bytes());
        }
        let [_, open, mark, _] = self.message("", replay);
        for part in ["data: ", open, mark, "\n\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }

    /// The JSON of the response.
    pub fn json(&self) -> &str {
        &self.json
    }
}

/// The head of a server's text frame: final, not masked.
fn write_head(length: usize, out: &mut Vec<u8>) {
    const FINAL_TEXT: u8 = 0x81;
    const LENGTH_IN_2: u8 = 126;
    const LENGTH_IN_8: u8 = 127;
    out.push(FINAL_TEXT);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length), _) if length < LENGTH_IN_2 => out.push(length),
        (_, Ok(length)) => {
            out.push(LENGTH_IN_2);
            out.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            out.push(LENGTH_IN_8);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// The head of a chunk, whose length is not known yet: zeros may precede it.
const CHUNK_HEAD: &[u8] = b"00000000\r\n";

/// Ends a chunk that begins the bytes: writes its length.
fn end_chunk(bytes: &mut Vec<u8>) {
    let length = format!("{:08x}", bytes.len() - CHUNK_HEAD.len());
    bytes[..length.len()].copy_from_slice(length.as_bytes());
    bytes.extend_from_slice(b"\r\n");
}

/// The frames of one turn of a group, reused from member to member: nearly all get the same bytes.
#[derive(Debug, Default)]
pub struct Frames {
    prefix: Option<Arc<str>>,
    /// The positions of the first event and of the first live one.
    from: usize,
    live_from: usize,
    bytes: Vec<u8>,
}

impl Frames {
    /// The frames of the events from a position on, for a subscription with this prefix.
    pub fn of(
        &mut self,
        events: &[(u64, Arc<Payload>)],
        prefix: &Arc<str>,
        framing: Framing,
        (from, live_from): (usize, usize),
    ) -> &[u8] {
        // Compared by address: comparing the bytes would have to fetch them for each member.
        let same_prefix = self.prefix.as_ref().is_some_and(|last| Arc::ptr_eq(last, prefix));
        if !same_prefix || self.from != from || self.live_from != live_from {
            self.bytes.clear();
            let events = events.iter().enumerate().skip(from);
            match framing {
                Framing::WebSocket => events.for_each(|(place, (_, payload))| {
                    payload.write_frame(prefix, place < live_from, &mut self.bytes);
                }),
                Framing::EventStream => {
                    self.bytes.extend_from_slice(CHUNK_HEAD);
                    events.for_each(|(place, (number, payload))| {
                        payload.write_event(*number, place < live_from, &mut self.bytes);
                    });
                    end_chunk(&mut self.bytes);
                }
            }
            self.prefix = Some(Arc::clone(prefix));
            (self.from, self.live_from) = (from, live_from);
        }
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WS: Framing = Framing::WebSocket;

    #[test]
    fn events_of_a_stream_are_one_chunk_and_only_bids_have_an_id() {
        let bid =
            Payload::new(r#"{"data":{"n":7}}"#.to_owned()).published(Some(Timestamp::default()));
        let state = Payload::new(r#"{"data":{"n":8}}"#.to_owned());
        let events = [(7, Arc::new(bid)), (8, Arc::new(state))];
        let mut frames = Frames::default();
        let prefix = Arc::from("event");
        let chunk = frames.of(&events, &prefix, Framing::EventStream, (0, 1)).to_vec();
        let chunk = String::from_utf8(chunk).unwrap();
        let (length, rest) = chunk.split_once("\r\n").unwrap();
        let text = rest.strip_suffix("\r\n").unwrap();
        assert_eq!(usize::from_str_radix(length, 16).unwrap(), text.len());
        let expected = "event: next\nid: 7\ndata: {\"data\":{\"n\":7},\"extensions\":{\"replay\":true}}\n\n\
                        event: next\ndata: {\"data\":{\"n\":8}}\n\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn frames_are_those_of_the_protocol_whatever_their_length() {
        for length in [1, 60, 200, 70_000] {
            let json = format!(r#"{{"data":"{}"}}"#, "x".repeat(length));
            let prefix: Arc<str> = Arc::from(r#"{"id":"1","type":"next","payload":"#);
            let events = [(7, Arc::new(Payload::new(json)))];
            for live_from in [0, 1] {
                let mut frames = Frames::default();
                let bytes = frames.of(&events, &prefix, WS, (0, live_from));
                let text = events[0].1.text(&prefix, live_from == 1);
                let head = bytes.len() - text.len();
                assert_eq!(&bytes[head..], text.as_bytes());
                assert_eq!(Payload::framed(text.len()), bytes.len());
                let told = match bytes[1] {
                    126 => u64::from(u16::from_be_bytes([bytes[2], bytes[3]])),
                    127 => u64::from_be_bytes(bytes[2..10].try_into().unwrap()),
                    short => u64::from(short),
                };
                assert_eq!((bytes[0], told), (0x81, text.len() as u64));
            }
        }
    }

    #[test]
    fn another_prefix_or_another_place_is_encoded_anew() {
        let events: Vec<(u64, Arc<Payload>)> =
            (1..4).map(|n| (n, Arc::new(Payload::new(format!(r#"{{"n":{n}}}"#))))).collect();
        let (a, b): (Arc<str>, Arc<str>) = (Arc::from("a"), Arc::from("b"));
        let mut frames = Frames::default();
        let all = frames.of(&events, &a, WS, (0, 0)).to_vec();
        assert_eq!(frames.of(&events, &a, WS, (0, 0)), all);
        let other = frames.of(&events, &b, WS, (0, 0)).to_vec();
        assert_ne!(other, all);
        assert_eq!(frames.of(&events, &b, WS, (2, 0)), &other[other.len() - other.len() / 3..]);
        assert_ne!(frames.of(&events, &b, WS, (2, 3)), &other[other.len() - other.len() / 3..]);
    }

    #[test]
    fn a_replayed_frame_is_marked_and_both_are_json() {
        let payload = Payload::new(r#"{"data":{"bidCreated":{"sequence":1}}}"#.to_owned());
        let prefix = r#"{"id":"1","type":"next","payload":"#;
        let live: serde_json::Value = serde_json::from_str(&payload.text(prefix, false)).unwrap();
        let replay: serde_json::Value = serde_json::from_str(&payload.text(prefix, true)).unwrap();
        assert_eq!(live["payload"]["extensions"], serde_json::Value::Null);
        assert_eq!(replay["payload"]["extensions"]["replay"], true);
        assert_eq!(live["payload"]["data"], replay["payload"]["data"]);
    }
}
