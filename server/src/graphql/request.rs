//! A request in JSON, the same over HTTP and sockets. Pure.

use async_graphql::ServerError;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::document::readable;
use super::error::complete_error;
use super::persisted::DocumentId;
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
    /// The id of the document, instead of the document.
    pub document_id: Option<String>,
}

/// The extensions that are read; the rest is ignored.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Extensions {
    traceparent: Option<Text>,
    persisted_query: Option<PersistedQuery>,
}

/// A document's hash, or any other value.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum PersistedQuery {
    Is {
        #[serde(rename = "sha256Hash")]
        sha256_hash: String,
    },
    IsNone(IgnoredAny),
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
    let id = extensions.persisted_query.map(|persisted| match persisted {
        PersistedQuery::Is { sha256_hash } => sha256_hash,
        // Known by nobody.
        PersistedQuery::IsNone(_) => String::new(),
    });
    let id = id.or(given.document_id);
    if given.query.is_none() && id.is_none() {
        return Err(problem("the request has no query"));
    }
    let sent = given.query.unwrap_or_default();
    let query = readable(sent.clone());
    let sent = Some(sent).filter(|sent| *sent != query);
    let document = id.map(|id| DocumentId { id, sent });
    let traceparent = match extensions.traceparent {
        Some(Text::Is(text)) => Some(text),
        Some(Text::IsNone(_)) | None => None,
    };
    Ok(Asked {
        traceparent,
        operation: Operation {
            query,
            document,
            is_own: false,
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

/// The error of a request that cannot be read.
pub fn problem(message: impl Into<String>) -> ServerError {
    let mut error = ServerError::new(message, None);
    complete_error(&mut error);
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::error::Code;
    use crate::graphql::persisted::Documents;

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
        let mut operation = read(json.as_bytes()).unwrap().operation;
        assert_eq!(operation.document.as_ref().unwrap().id, "00");
        let error = Documents::Any.resolve(&mut operation).unwrap_err();
        assert_eq!(Code::of(&error), Some(Code::PersistedQueryNotSupported));
        assert_eq!(error.message, "PersistedQueryNotSupported");
        let json = r#"{"documentId":"a"}"#;
        assert_eq!(read(json.as_bytes()).unwrap().operation.document.unwrap().id, "a");
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
