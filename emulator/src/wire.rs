//! HTTP to [`Call`] and [`Reply`] to HTTP: headers, targets, checksums.
//!
//! Signatures are never verified; only their presence is checked, as DynamoDB does.

use bytes::Bytes;
use dynoxide::auth_material::{self, AuthMaterial};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::json;

use crate::arn;
use crate::call::{Call, DroppedConnection, Operation, Reply};
use crate::control;
use crate::service_stack::ServiceStack;

/// The largest request body, in bytes: DynamoDB's own limit.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
const AMZ_JSON: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");
const SERIALIZATION: &str = "SerializationException";

/// Answers one HTTP request.
///
/// # Errors
/// [`DroppedConnection`]: close the connection, write nothing.
pub(crate) async fn answer(
    front: &ServiceStack,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, DroppedConnection> {
    let (parts, body) = request.into_parts();
    if control::is_control(&parts.uri)
        && let Some(handle) = front.endpoint_control()
    {
        let Some(body) = text(body).await? else { return Ok(respond(400, String::new())) };
        let Reply { status, body } = control::answer(&handle, &parts.method, &parts.headers, &body);
        return Ok(respond(status, body));
    }
    if parts.method == Method::GET {
        return Ok(respond(200, "healthy: dynamodb emulator\n".into()));
    }
    if parts.method != Method::POST {
        return Ok(respond(404, "<UnknownOperationException/>\n".into()));
    }
    let operation = match operation(&parts.headers) {
        Ok(operation) => operation,
        Err(message) => return Ok(respond(400, coral("UnknownOperationException", &message))),
    };
    let authorization = parts.headers.get("authorization").and_then(|value| value.to_str().ok());
    let material = AuthMaterial {
        authorization,
        query: parts.uri.query().unwrap_or(""),
        has_date_header: parts.headers.contains_key("x-amz-date")
            || parts.headers.contains_key("date"),
    };
    if let Some(refusal) = auth_material::validate(material) {
        return Ok(respond(400, refusal));
    }
    let Some(body) = text(body).await? else {
        let message = format!("The body must be text of at most {BODY_BYTES_MAX} bytes.");
        return Ok(respond(400, coral(SERIALIZATION, &message)));
    };
    let region = arn::signed_region(authorization);
    let Reply { status, body } = front.call(Call::new(operation, body, region)).await?;
    Ok(respond(status, body))
}

/// The whole body; `None` if it is no text or too large.
async fn text(body: Incoming) -> Result<Option<String>, DroppedConnection> {
    match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(collected) => Ok(String::from_utf8(collected.to_bytes().into()).ok()),
        Err(error) if error.is::<LengthLimitError>() => Ok(None),
        // The client has gone in the middle of its request.
        Err(_) => Err(DroppedConnection),
    }
}

/// The operation that the headers name, or what is wrong with them.
fn operation(headers: &HeaderMap) -> Result<Operation, String> {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let target = target.ok_or("The header X-Amz-Target, which names the operation, is missing.")?;
    let name = target
        .strip_prefix("DynamoDB_20120810.")
        .or_else(|| target.strip_prefix("DynamoDBStreams_20120810."));
    name.and_then(Operation::from_name)
        .ok_or_else(|| format!("The emulator has no operation {target:?}."))
}

/// An error of the protocol itself, before any operation.
fn coral(name: &str, message: &str) -> String {
    json!({ "__type": format!("com.amazon.coral.service#{name}"), "message": message }).to_string()
}

fn respond(status: u16, body: String) -> Response<Full<Bytes>> {
    let body = Bytes::from(body);
    // The JavaScript and Java SDKs check it.
    let checksum = crc32fast::hash(&body);
    let mut response = Response::new(Full::new(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, AMZ_JSON);
    headers.insert("x-amz-crc32", HeaderValue::from(checksum));
    headers.insert("x-amzn-requestid", request_id());
    response
}

/// An id in the shape of DynamoDB's: 52 characters of A-Z and 0-9.
fn request_id() -> HeaderValue {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
    let id: [u8; 52] = std::array::from_fn(|_| LETTERS[usize::from(rand::random::<u8>() & 31)]);
    HeaderValue::from_bytes(&id).unwrap_or(HeaderValue::from_static("0"))
}
