//! Amazon resource names: the engine gives every one the same region, which is no region of AWS, and
//! clients that check it refuse it. Outside, a name carries the region its client signs with. Pure.

use std::borrow::Cow;

/// The region of a client that does not say.
pub(crate) const DEFAULT_REGION: &str = "us-east-1";
const PREFIX: &str = "arn:aws:dynamodb:";
const ENGINE_REGION: &str = dynoxide::streams::LOCAL_REGION;

/// The region in a request's `Authorization`, which names it in the credential's scope:
/// `Credential=<key>/<date>/<region>/dynamodb/aws4_request`.
pub(crate) fn signed_region(authorization: Option<&str>) -> &str {
    let scope = authorization.and_then(|text| text.split_once("Credential="));
    let region = scope.and_then(|(_, scope)| scope.split('/').nth(2));
    let is_region = |region: &&str| {
        !region.is_empty()
            && region.len() <= 32
            && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    region.filter(is_region).unwrap_or(DEFAULT_REGION)
}

/// `text` with the region of each name of DynamoDB replaced by the engine's.
pub(crate) fn inward(text: &str) -> Cow<'_, str> {
    replaced(text, |region| (region != ENGINE_REGION).then_some(ENGINE_REGION))
}

/// `text` with the engine's region in each name replaced by `region`.
pub(crate) fn outward<'a>(text: &'a str, region: &str) -> Cow<'a, str> {
    replaced(text, |found| (found == ENGINE_REGION).then_some(region))
}

fn replaced<'a, 'r>(text: &'a str, mut other: impl FnMut(&str) -> Option<&'r str>) -> Cow<'a, str> {
    let mut made = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(PREFIX) {
        let (before, region) = rest.split_at(at + PREFIX.len());
        let Some(end) = region.find(':') else { break };
        made.push_str(before);
        made.push_str(other(&region[..end]).unwrap_or(&region[..end]));
        rest = &region[end..];
    }
    if made.is_empty() {
        return Cow::Borrowed(text);
    }
    made.push_str(rest);
    Cow::Owned(made)
}

/// Which stream a name is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StreamName {
    pub(crate) table: String,
    pub(crate) label: String,
}

impl StreamName {
    /// The stream that `arn:aws:dynamodb:<region>:<account>:table/<table>/stream/<label>` names.
    pub(crate) fn parse(arn: &str) -> Option<Self> {
        let mut parts = arn.strip_prefix(PREFIX)?.split('/');
        let (_, table, kind, label) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_stream = kind == "stream" && parts.next().is_none();
        is_stream.then(|| Self { table: table.to_owned(), label: label.to_owned() })
    }

    /// Its ARN in `region`.
    pub(crate) fn arn(&self, region: &str) -> String {
        let Self { table, label } = self;
        let account = dynoxide::streams::LOCAL_ACCOUNT;
        format!("{PREFIX}{region}:{account}:table/{table}/stream/{label}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_the_one_that_was_signed_with() {
        let header =
            "AWS4-HMAC-SHA256 Credential=AKID/20260101/ap-south-2/dynamodb/aws4_request, x";
        assert_eq!(signed_region(Some(header)), "ap-south-2");
        for none in [None, Some(""), Some("Credential=a/b"), Some("Credential=a/b/\"x\"/d")] {
            assert_eq!(signed_region(none), DEFAULT_REGION, "{none:?}");
        }
    }

    #[test]
    fn names_change_their_region_on_the_way_in_and_out_and_nothing_else_changes() {
        let outside = r#"{"a":"arn:aws:dynamodb:eu-west-1:0:table/t","b":"arn:aws:s3:::x"}"#;
        let inside = r#"{"a":"arn:aws:dynamodb:dynoxide:0:table/t","b":"arn:aws:s3:::x"}"#;
        assert_eq!(inward(outside), inside);
        assert_eq!(outward(inside, "eu-west-1"), outside);
        assert_eq!(outward(outside, "us-east-1"), outside, "only the engine's own");
        for odd in ["", "arn:aws:dynamodb:", "arn:aws:dynamodb:x", "é arn:aws:dynamodb:é"] {
            assert_eq!(inward(odd), odd);
        }
    }

    #[test]
    fn a_stream_is_named_by_its_table_and_label_whatever_the_region() {
        let name = StreamName { table: "t".to_owned(), label: "1.2".to_owned() };
        assert_eq!(StreamName::parse(&name.arn("eu-west-1")), Some(name.clone()));
        assert_eq!(StreamName::parse(&name.arn("x")), Some(name));
        for none in ["", "arn:aws:dynamodb:r:a:table/t", "arn:aws:dynamodb:r:a:table/t/index/i"] {
            assert_eq!(StreamName::parse(none), None, "{none}");
        }
    }
}
