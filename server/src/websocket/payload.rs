//! An event as every member of a group gets it: encoded once.

/// A GraphQL response as JSON, in two forms that differ only in the replay mark.
#[derive(Debug)]
pub struct Payload {
    json: String,
}

/// What stands after a payload in a `next` frame.
const FRAME_END: &str = "}";
const REPLAY_MARK: &str = r#","extensions":{"replay":true}}"#;

impl Payload {
    /// A payload of a response's JSON.
    pub fn new(json: String) -> Self {
        debug_assert!(json.ends_with('}'), "a response is a JSON object");
        Self { json }
    }

    /// The whole `next` frame: the subscription's own prefix, the shared payload.
    pub fn frame(&self, prefix: &str, replay: bool) -> String {
        let mut frame = String::with_capacity(prefix.len() + self.json.len() + REPLAY_MARK.len());
        frame.push_str(prefix);
        if replay {
            frame.push_str(&self.json[..self.json.len() - 1]);
            frame.push_str(REPLAY_MARK);
        } else {
            frame.push_str(&self.json);
        }
        frame.push_str(FRAME_END);
        frame
    }

    /// The JSON alone.
    pub fn json(&self) -> &str {
        &self.json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replayed_frame_is_marked_and_both_are_json() {
        let payload = Payload::new(r#"{"data":{"bidCreated":{"sequence":1}}}"#.to_owned());
        let prefix = r#"{"id":"1","type":"next","payload":"#;
        let live: serde_json::Value = serde_json::from_str(&payload.frame(prefix, false)).unwrap();
        let replay: serde_json::Value = serde_json::from_str(&payload.frame(prefix, true)).unwrap();
        assert_eq!(live["payload"]["extensions"], serde_json::Value::Null);
        assert_eq!(replay["payload"]["extensions"]["replay"], true);
        assert_eq!(live["payload"]["data"], replay["payload"]["data"]);
    }
}
