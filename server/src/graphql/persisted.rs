//! Documents that clients name by an id: those that they have sent before (automatic persisted
//! queries), or those of a list, beside which nothing else runs.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use async_graphql::ServerError;
use async_graphql::parser::parse_query;
use parking_lot::Mutex;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::document::readable;
use super::error::{Code, coded};
use super::prepare::{Operation, prepare};
use crate::cost::rules::QueryRules;
use crate::limits;

/// The id of a document, as a request has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DocumentId {
    /// The id: for an automatic persisted query the SHA-256 of its text, in hexadecimal.
    pub id: String,
    /// The text as it was sent, if it is read differently: the hash is that of this one.
    pub sent: Option<String>,
}

/// Which documents are known by an id, and which may run.
#[derive(Debug, Default)]
pub enum Documents {
    /// None is known, all may run.
    #[default]
    Any,
    /// Those that were sent with their hash are known, all may run.
    Automatic(Mutex<Known>),
    /// Those of a list are known, and nothing else runs.
    Trusted(TrustedDocuments),
}

/// What became of a document's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolved {
    /// The request has the document, and no id that matters.
    Given,
    /// The document is known by its id.
    Found,
    /// The document came with its id, which may be registered now.
    Sent,
}

impl Documents {
    /// Puts the document that an id stands for into its operation.
    pub fn resolve(&self, operation: &mut Operation) -> Result<Resolved, ServerError> {
        let Some(document) = &operation.document else {
            let is_trusted = match self {
                Self::Trusted(trusted) => {
                    operation.is_own || trusted.texts.contains(&operation.query)
                }
                Self::Any | Self::Automatic(_) => true,
            };
            return if is_trusted { Ok(Resolved::Given) } else { Err(not_trusted()) };
        };
        let is_given = !operation.query.is_empty();
        match self {
            Self::Any if is_given => Ok(Resolved::Given),
            // Clients look for this message or this code, and then send the document.
            Self::Any => Err(coded(Code::PersistedQueryNotSupported, "PersistedQueryNotSupported")),
            Self::Automatic(_) if is_given => {
                let text = document.sent.as_ref().unwrap_or(&operation.query);
                if hash(text) == document.id {
                    return Ok(Resolved::Sent);
                }
                let message = "persistedQuery.sha256Hash is not the SHA-256 of the document";
                Err(coded(Code::BadRequest, message))
            }
            Self::Automatic(known) => {
                let Some(text) = known.lock().find(&document.id) else {
                    return Err(coded(Code::PersistedQueryNotFound, "PersistedQueryNotFound"));
                };
                operation.query = text.to_string();
                Ok(Resolved::Found)
            }
            Self::Trusted(trusted) if is_given => {
                let is_trusted = trusted.texts.contains(&operation.query);
                if is_trusted { Ok(Resolved::Given) } else { Err(not_trusted()) }
            }
            Self::Trusted(trusted) => {
                let text = trusted.by_id.get(&document.id).ok_or_else(not_trusted)?;
                operation.query = text.to_string();
                Ok(Resolved::Found)
            }
        }
    }

    /// Registers a document that came with its id, and can be read.
    pub fn register(&self, id: &str, text: &str) {
        if let Self::Automatic(known) = self {
            known.lock().add(id, text);
        }
    }

    /// How many documents are known, and their bytes.
    pub fn size(&self) -> (usize, usize) {
        match self {
            Self::Any => (0, 0),
            Self::Automatic(known) => {
                let known = known.lock();
                (known.by_id.len(), known.bytes)
            }
            Self::Trusted(trusted) => {
                (trusted.by_id.len(), trusted.by_id.values().map(|text| text.len()).sum())
            }
        }
    }
}

fn not_trusted() -> ServerError {
    let message = "this service runs only the operations of its list, and this one is not on it";
    coded(Code::Forbidden, message)
}

/// The SHA-256 of a text in hexadecimal.
fn hash(text: &str) -> String {
    use std::fmt::Write as _;
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all");
        text
    })
}

/// The documents that were sent with their hash; of too many, those that were used least recently
/// are forgotten.
#[derive(Debug, Default)]
pub struct Known {
    by_id: HashMap<String, (Arc<str>, u64)>,
    /// The ids by when they were last used.
    by_use: BTreeMap<u64, String>,
    uses: u64,
    bytes: usize,
}

impl Known {
    fn find(&mut self, id: &str) -> Option<Arc<str>> {
        let (text, used) = self.by_id.get_mut(id)?;
        self.uses += 1;
        let id = self.by_use.remove(used)?;
        self.by_use.insert(self.uses, id);
        *used = self.uses;
        Some(Arc::clone(text))
    }

    fn add(&mut self, id: &str, text: &str) {
        if self.find(id).is_some() {
            return;
        }
        self.uses += 1;
        self.bytes += text.len();
        self.by_id.insert(id.to_owned(), (text.into(), self.uses));
        self.by_use.insert(self.uses, id.to_owned());
        while self.by_id.len() > limits::PERSISTED_QUERIES_MAX
            || self.bytes > limits::PERSISTED_QUERIES_BYTES_MAX
        {
            let Some((_, oldest)) = self.by_use.pop_first() else { return };
            let forgotten = self.by_id.remove(&oldest);
            self.bytes -= forgotten.map_or(0, |(text, _)| text.len());
        }
    }
}

/// The documents of a list.
#[derive(Debug, Default)]
pub struct TrustedDocuments {
    by_id: HashMap<String, Arc<str>>,
    texts: HashSet<String>,
}

/// A list of documents, in one of the forms that tools write.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum List {
    /// The manifest of Apollo's tools.
    Manifest { operations: Vec<Listed> },
    /// The documents by their ids, as relay-compiler and graphql-codegen write them.
    Map(HashMap<String, String>),
}

#[derive(Debug, Deserialize)]
struct Listed {
    id: String,
    body: String,
}

impl TrustedDocuments {
    /// Reads a list: a JSON object of documents by their ids, or the manifest of Apollo's tools.
    ///
    /// # Errors
    /// What is wrong, in one line that names the operation.
    pub fn read(json: &str, rules: &QueryRules) -> Result<Self, String> {
        let problem =
            "must be a JSON object of documents by their ids, or a manifest with operations";
        let list: List = serde_json::from_str(json).map_err(|_| problem.to_owned())?;
        let documents: Vec<(String, String)> = match list {
            List::Manifest { operations } => {
                operations.into_iter().map(|listed| (listed.id, listed.body)).collect()
            }
            List::Map(documents) => documents.into_iter().collect(),
        };
        if documents.is_empty() {
            return Err("has no operation".to_owned());
        }
        let mut trusted = Self::default();
        for (id, text) in documents {
            let text = readable(text);
            check(&text, rules).map_err(|error| format!("operation {id}: {error}"))?;
            trusted.texts.insert(text.clone());
            if trusted.by_id.insert(id.clone(), text.into()).is_some() {
                return Err(format!("operation {id}: the id stands twice"));
            }
        }
        Ok(trusted)
    }
}

/// Checks that a document can run, whatever its variables are.
fn check(text: &str, rules: &QueryRules) -> Result<(), String> {
    // The parser's errors have several lines.
    let in_a_line = |error: String| error.split_whitespace().collect::<Vec<_>>().join(" ");
    let document = parse_query(text).map_err(|error| in_a_line(error.to_string()))?;
    for (name, _) in document.operations.iter() {
        let operation = Operation {
            query: text.to_owned(),
            operation_name: name.map(ToString::to_string),
            ..Operation::default()
        };
        prepare(operation, rules).map_err(|error| error.message)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "{ serverTime }";

    fn asks(query: &str, id: Option<&str>) -> Operation {
        let document = id.map(|id| DocumentId { id: id.to_owned(), sent: None });
        Operation { query: query.to_owned(), document, ..Operation::default() }
    }

    /// What becomes of an operation: the document that runs, or the code of the error.
    fn resolved(documents: &Documents, mut operation: Operation) -> Result<String, Code> {
        match documents.resolve(&mut operation) {
            Ok(resolved) => {
                if let (Resolved::Sent, Some(document)) = (resolved, &operation.document) {
                    documents.register(&document.id, &operation.query);
                }
                Ok(operation.query)
            }
            Err(error) => Err(Code::of(&error).unwrap()),
        }
    }

    #[test]
    fn a_document_is_known_by_its_hash_once_it_was_sent_with_it() {
        let documents = Documents::Automatic(Mutex::default());
        let id = hash(TEXT);
        // As sha256sum has it.
        assert_eq!(id, "2c75d364a9467ad4c5eb7843bc312f213c97322ac8be34a2c8e3ceb1361000b9");
        assert_eq!(resolved(&documents, asks("", Some(&id))), Err(Code::PersistedQueryNotFound));
        let other = hash("{ other }");
        assert_eq!(resolved(&documents, asks(TEXT, Some(&other))), Err(Code::BadRequest));
        assert_eq!(resolved(&documents, asks("", Some(&other))), Err(Code::PersistedQueryNotFound));
        assert_eq!(resolved(&documents, asks(TEXT, Some(&id))).as_deref(), Ok(TEXT));
        assert_eq!(resolved(&documents, asks("", Some(&id))).as_deref(), Ok(TEXT));
        assert_eq!(resolved(&documents, asks("{ any }", None)).as_deref(), Ok("{ any }"));
        // Read differently, but hashed as it was sent.
        let sent = "{\r serverTime }".to_owned();
        let document = DocumentId { id: hash(&sent), sent: Some(sent.clone()) };
        let query = readable(sent);
        let operation = Operation { query, document: Some(document), ..Operation::default() };
        assert_eq!(resolved(&documents, operation).as_deref(), Ok("{\n serverTime }"));
    }

    #[test]
    fn what_was_used_least_recently_is_forgotten_by_number_and_by_bytes() {
        let mut known = Known::default();
        known.add("first", "{ a }");
        for number in 0..limits::PERSISTED_QUERIES_MAX - 1 {
            known.add(&number.to_string(), "{ a }");
        }
        assert!(known.find("first").is_some(), "there is room for all");
        known.add("one more", "{ a }");
        assert!(known.find("first").is_some(), "it was used a moment ago");
        assert!(known.find("0").is_none(), "this one was not");
        assert_eq!(known.by_id.len(), limits::PERSISTED_QUERIES_MAX);
        let large = "x".repeat(limits::PERSISTED_QUERIES_BYTES_MAX / 2);
        known.add("large", &large);
        known.add("larger", &large);
        assert_eq!((known.by_id.len(), known.bytes), (2, 2 * large.len()));
        known.add("first", "{ a }");
        assert_eq!((known.by_id.len(), known.bytes), (2, large.len() + 5));
        assert_eq!(known.by_use.len(), 2);
    }

    #[test]
    fn of_a_list_only_what_is_on_it_runs() {
        let rules = QueryRules::default();
        for list in [
            r#"{ "a": "{ serverTime }" }"#,
            r#"{ "format": "apollo-persisted-query-manifest", "version": 1,
                "operations": [{ "id": "a", "name": "A", "type": "query", "body": "{ serverTime }" }] }"#,
        ] {
            let documents = Documents::Trusted(TrustedDocuments::read(list, &rules).unwrap());
            for operation in [asks("", Some("a")), asks(TEXT, None), asks(TEXT, Some("a"))] {
                assert_eq!(resolved(&documents, operation).as_deref(), Ok(TEXT));
            }
            for operation in
                [asks("", Some("b")), asks("{ me { id } }", None), asks("{ b }", Some("a"))]
            {
                assert_eq!(resolved(&documents, operation), Err(Code::Forbidden));
            }
        }
        for (list, names) in [
            ("", "JSON object"),
            ("[]", "JSON object"),
            ("{}", "no operation"),
            (r#"{ "a": 1 }"#, "JSON object"),
            (r#"{ "a": "{" }"#, "operation a"),
            (
                r#"{ "operations": [{ "id": "a", "body": "{ b }" }, { "id": "a", "body": "{ c }" }] }"#,
                "twice",
            ),
        ] {
            let problem = TrustedDocuments::read(list, &rules).unwrap_err();
            assert!(problem.contains(names), "{list}: {problem}");
        }
        let deep = format!("{}a{}", "{ b ".repeat(20), "}".repeat(20));
        let list = serde_json::json!({ "deep": deep }).to_string();
        assert!(TrustedDocuments::read(&list, &rules).unwrap_err().starts_with("operation deep"));
    }
}
