//! A request in JSON, the same over HTTP and sockets. Pure.

use async_graphql::ServerError;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::document::readable;
use super::error::{Code, complete_error};
use super::prepare::Operation;

/// The members of a request.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Given {
    /// The document.
    pub query: Option<String>,
    /// Which of its operations to run.
    pub operation_name: Option<String>,
    /// Its variables, not parsed yet.
    pub variables: Option<Box<RawValue>>,
    /// Extensions that clients add.
    pub extensions: Option<Box<RawValue>>,
}

/// The extensions that are read; the rest is ignored.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Extensions {
    traceparent: Option<Text>,
    persisted_query: Option<IgnoredAny>,
}

/// A string, or any other value.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Text {
    Is(String),
    IsNone(IgnoredAny),
}

/// An operation, and the trace context of its extensions.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The operation.
    pub operation: Operation,
    /// The W3C trace context, unchecked.
    pub traceparent: Option<String>,
}

/// Reads a request, or returns what is wrong with it.
pub fn read(json: &[u8]) -> Result<Asked, ServerError> {
    const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
    let json = json.strip_prefix(BYTE_ORDER_MARK).unwrap_or(json);
    let given: Given = serde_json::from_slice(json).map_err(|error| {
        problem(format!(
            "a request is a JSON object with query, and optionally operationName, variables and \
             extensions: {error}"
        ))
    })?;
    asked(given)
}

/// The operation of a request.
pub fn asked(given: Given) -> Result<Asked, ServerError> {
    let extensions = object("extensions", given.extensions)?;
    let variables = object("variables", given.variables)?;
    let extensions: Extensions = match &extensions {
        None => Extensions::default(),
        Some(text) => serde_json::from_str(text.get())
            .map_err(|error| problem(format!("extensions cannot be read: {error}")))?,
    };
    let Some(query) = given.query else {
        return Err(match extensions.persisted_query {
            Some(_) => not_supported(),
            None => problem("the request has no query"),
        });
    };
    let traceparent = match extensions.traceparent {
        Some(Text::Is(text)) => Some(text),
        Some(Text::IsNone(_)) | None => None,
    };
    Ok(Asked {
        traceparent,
        operation: Operation {
            query: readable(query),
            // Some clients send an empty name with an operation that has none.
            operation_name: given.operation_name.filter(|name| !name.is_empty()),
            variables,
        },
    })
}

fn object(name: &str, given: Option<Box<RawValue>>) -> Result<Option<Box<RawValue>>, ServerError> {
    let given = given.filter(|given| given.get() != "null");
    match given.as_ref().map(|given| given.get().starts_with('{')) {
        Some(false) => Err(problem(format!("{name} must be a JSON object"))),
        _ => Ok(given),
    }
}

/// Clients that send a document's hash first look for this message or this code, and then send the
/// document.
fn not_supported() -> ServerError {
    let mut error = ServerError::new("PersistedQueryNotSupported", None);
    Code::PersistedQueryNotSupported.extend(error.extensions.get_or_insert_default());
    error
}

/// The error of a request that cannot be read.
pub fn problem(message: impl Into<String>) -> ServerError {
    let mut error = ServerError::new(message, None);
    complete_error(&mut error);
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str) -> (Code, String) {
        let error = read(json.as_bytes()).unwrap_err();
        (Code::of(&error).unwrap(), error.message)
    }

    #[test]
    fn a_request_is_read_with_whatever_clients_add_to_it() {
        let json = "\u{feff}{\"query\":\"{\\ra }\",\"operationName\":\"\",\"variables\":null,\
                    \"extensions\":{\"traceparent\":\"00-1\",\"persistedQuery\":{}},\"doc_id\":1}";
        let asked = read(json.as_bytes()).unwrap();
        assert_eq!(asked.operation.query, "{\na }");
        assert_eq!(
            (asked.operation.operation_name, asked.traceparent.as_deref()),
            (None, Some("00-1"))
        );
    }

    #[test]
    fn a_persisted_query_is_answered_with_what_makes_clients_send_the_document() {
        let json = r#"{"operationName":"A","variables":{},"extensions":{"persistedQuery":
            {"version":1,"sha256Hash":"00"}}}"#;
        let expected = "PersistedQueryNotSupported".to_owned();
        assert_eq!(refused(json), (Code::PersistedQueryNotSupported, expected));
    }

    #[test]
    fn what_is_no_request_is_a_bad_one_whose_field_is_named() {
        for (json, names) in [
            ("[]", "JSON object"),
            ("{}", "no query"),
            (r#"{"query":1}"#, "string"),
            (r#"{"query":"{ a }","variables":[]}"#, "variables must be"),
            (r#"{"query":"{ a }","extensions":[]}"#, "extensions must be"),
            (r#"{"query":"{ a }","operationName":{}}"#, "string"),
            (r#"{"query":"\ud83d"}"#, "hex escape"),
        ] {
            let (code, message) = refused(json);
            assert!(code == Code::BadRequest && message.contains(names), "{json}: {message}");
        }
        // What nobody has declared is nobody's problem.
        let deep = format!(
            r#"{{"query":"","variables":{{"a":{0}{1}}}}}"#,
            "[".repeat(10_000),
            "]".repeat(10_000)
        );
        assert!(read(deep.as_bytes()).is_ok());
    }
}
