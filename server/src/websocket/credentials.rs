//! The token of a socket: in the payload of `connection_init`, or on the upgrade's request. Pure.
//!
//! No token is ignored silently: one in the wrong place, or contradicted by another one, is
//! rejected.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::auth::AuthError;

/// Where clients of other services send a token.
const MISPLACED: [&str; 5] = ["authToken", "token", "accessToken", "access_token", "jwt"];

/// The fields of an object, including duplicates.
struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some((Name(name), value)) = map.next_entry()? {
                    fields.push((name, value));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A field's name, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// The authorization of a socket, if there is one: from the payload of `connection_init`, or from
/// `headers` in it, in any case, or from the upgrade.
pub(super) fn authorization(
    payload: Option<&str>,
    upgrade: Option<String>,
) -> Result<Option<String>, AuthError> {
    let fields = match payload {
        Some(payload) => parse(payload)?,
        None => Fields(Vec::new()),
    };
    let mut given: Vec<String> = upgrade.into_iter().collect();
    for (name, value) in &fields.0 {
        if name.eq_ignore_ascii_case("authorization") {
            given.push(text(value));
        } else if name.eq_ignore_ascii_case("headers") && value.get().starts_with('{') {
            let below = parse(value.get())?.0;
            let named = below.iter().filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
            given.extend(named.map(|(_, value)| text(value)));
        }
    }
    given.dedup();
    match given.len() {
        0 => match MISPLACED.into_iter().find(|name| fields.0.iter().any(|(of, _)| of == name)) {
            Some(name) => Err(AuthError::Misplaced(name)),
            None => Ok(None),
        },
        1 => Ok(given.pop()),
        _ => Err(AuthError::Several),
    }
}

fn parse(object: &str) -> Result<Fields<'_>, AuthError> {
    serde_json::from_str(object).map_err(|_| AuthError::Malformed("the payload cannot be read"))
}

/// A value that is no string is an invalid authorization, not a missing one.
fn text(value: &RawValue) -> String {
    serde_json::from_str(value.get()).unwrap_or_default()
}

/// The reason in the close frame of a refused socket: short, and naming the field.
pub(super) fn reason(error: &AuthError) -> String {
    match error {
        AuthError::Missing => {
            "no token; connection_init's payload needs {\"authorization\": \"Bearer <token>\"}"
                .to_owned()
        }
        AuthError::NotBearer | AuthError::Misplaced(_) => error.to_string(),
        other => format!("authorization: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(payload: &str, upgrade: Option<&str>) -> Result<Option<String>, AuthError> {
        authorization(Some(payload), upgrade.map(str::to_owned))
    }

    #[test]
    fn a_token_is_found_wherever_clients_put_it() {
        for payload in [
            r#"{"authorization":"Bearer a"}"#,
            r#"{"Authorization":"Bearer a","x":{"y":1}}"#,
            r#"{"headers":{"AUTHORIZATION":"Bearer a"},"lazy":true}"#,
            r#"{"Headers":{"authorization":"Bearer a"},"authorization":"Bearer a"}"#,
            r#"{"\u0061uthorization":"Bearer \u0061"}"#,
        ] {
            assert_eq!(of(payload, None), Ok(Some("Bearer a".to_owned())), "{payload}");
        }
        assert_eq!(of("{}", Some("Bearer a")), Ok(Some("Bearer a".to_owned())));
        assert_eq!(authorization(None, Some("b".to_owned())), Ok(Some("b".to_owned())));
        let same = of(r#"{"authorization":"Bearer a"}"#, Some("Bearer a"));
        assert_eq!(same, Ok(Some("Bearer a".to_owned())));
        for none in ["{}", r#"{"headers":{}}"#, r#"{"headers":null,"user":"ann"}"#] {
            assert_eq!(of(none, None), Ok(None), "{none}");
        }
    }

    #[test]
    fn a_token_that_is_contradicted_misplaced_or_unreadable_is_not_passed_over() {
        let several = [
            (r#"{"authorization":"Bearer a"}"#, Some("Bearer b")),
            (r#"{"authorization":"Bearer a","authorization":"Bearer b"}"#, None),
            (r#"{"authorization":"Bearer a","Authorization":"Bearer b"}"#, None),
            (r#"{"authorization":"Bearer a","headers":{"authorization":"Bearer b"}}"#, None),
            (r#"{"headers":{"authorization":"Bearer a","authorization":"Bearer b"}}"#, None),
            (r#"{"authorization":7}"#, Some("Bearer b")),
        ];
        for (payload, upgrade) in several {
            assert_eq!(of(payload, upgrade), Err(AuthError::Several), "{payload}");
        }
        assert_eq!(of(r#"{"authorization":null}"#, None), Ok(Some(String::new())), "no absence");
        for name in MISPLACED {
            let payload = format!(r#"{{"{name}":"a.b.c"}}"#);
            assert_eq!(of(&payload, None), Err(AuthError::Misplaced(name)));
            assert_eq!(of(&payload, Some("Bearer a")), Ok(Some("Bearer a".to_owned())));
        }
        assert!(matches!(of(r#"{"\ud83d":1}"#, None), Err(AuthError::Malformed(_))));
    }

    #[test]
    fn every_reason_names_the_field_and_fits_a_close_frame() {
        for error in [
            AuthError::Missing,
            AuthError::NotBearer,
            AuthError::Several,
            AuthError::Misplaced("access_token"),
            AuthError::Malformed("its claims are sub, roles (array) and exp"),
            AuthError::Untrusted,
            AuthError::Expired,
            AuthError::NotYet,
        ] {
            let reason = reason(&error);
            assert!(reason.len() <= 100 && reason.contains("authorization"), "{reason}");
        }
    }
}
