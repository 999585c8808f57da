//! The control endpoint, on the emulator's own port: docs/EMULATOR.md.

use hyper::header::{CONTENT_TYPE, HeaderMap};
use hyper::{Method, Uri};
use serde_json::json;

use super::{Command, Control};
use crate::call::Reply;

const PATH: &str = "/_control";

/// Whether a request is for the control endpoint.
pub(crate) fn is_control(uri: &Uri) -> bool {
    uri.path().strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Answers one request: `GET /_control` answers with the status, `POST /_control` takes
/// one command or a list of them.
pub(crate) fn answer(control: &Control, method: &Method, headers: &HeaderMap, body: &str) -> Reply {
    match *method {
        Method::GET => match serde_json::to_string(&control.status()) {
            Ok(body) => Reply::ok(body),
            Err(error) => Reply::internal_error(&error.to_string()),
        },
        Method::POST => {
            // A web page cannot send this type without asking first.
            let is_json = headers
                .get(CONTENT_TYPE)
                .and_then(|value| value.to_str().ok())
                .is_some_and(|value| value.starts_with("application/json"));
            if !is_json {
                return refused(415, "send content-type application/json");
            }
            apply(control, body)
        }
        _ => refused(405, "use GET for the status, or POST for commands"),
    }
}

fn apply(control: &Control, body: &str) -> Reply {
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(Command),
        Many(Vec<Command>),
    }
    let commands = if body.trim_start().starts_with('[') {
        serde_json::from_str(body).map(OneOrMany::Many)
    } else {
        serde_json::from_str(body).map(OneOrMany::One)
    };
    let commands = match commands {
        Ok(OneOrMany::One(command)) => vec![command],
        Ok(OneOrMany::Many(commands)) => commands,
        Err(error) => return refused(400, &error.to_string()),
    };
    for (index, command) in commands.into_iter().enumerate() {
        if let Err(error) = control.apply(command) {
            return refused(409, &format!("command {}: {error}", index + 1));
        }
    }
    Reply::ok("{}".to_owned())
}

fn refused(status: u16, message: &str) -> Reply {
    Reply { status, body: json!({ "error": message }).to_string() }
}
