//! Checks the tokens of a run before it begins: a token without its role, or one that expires
//! during the run, would otherwise show up in the report as failed bids.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde_json::json;

use crate::service::api::Api;
use crate::service::tokens::Users;
use crate::stamp::{Stamp, format_us};

/// The number of bidders' tokens that are checked: all those of a run are made in the same way.
const BIDDERS_MAX: usize = 16;

/// The identity of a token, according to the service.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Me {
    id: Option<String>,
    roles: Vec<String>,
    expires_at: Option<Stamp>,
}

/// Checks the tokens of the seller and of the first bidders, for a run that lasts until then.
///
/// # Errors
/// When one is refused, lacks its role, or expires before.
pub(crate) async fn check(api: &Api, users: &Users, until_us: i64) -> anyhow::Result<()> {
    check_one(api, &users.seller, "SELLER", until_us).await?;
    let bidders: BTreeSet<&String> = users.bidders.iter().take(BIDDERS_MAX).collect();
    for token in bidders {
        check_one(api, token, "BIDDER", until_us).await?;
    }
    Ok(())
}

async fn check_one(api: &Api, token: &str, role: &str, until_us: i64) -> anyhow::Result<()> {
    #[derive(Deserialize)]
    struct Data {
        me: Me,
    }
    let asked =
        api.call::<Data>(Some(token), "query Me { me { id roles expiresAt } }", json!({}), None);
    let Data { me } = asked.await.with_context(|| format!("the token of a {role} is invalid"))?;
    good(&me, role, until_us)
}

fn good(me: &Me, role: &str, until_us: i64) -> anyhow::Result<()> {
    let user = me.id.as_deref().unwrap_or("nobody");
    ensure!(
        me.roles.iter().any(|has| has == role),
        "the token of {user} has the roles [{}] and is to have {role}; the service reads them from the \
         claim that its --jwt-roles-claim names",
        me.roles.join(", ")
    );
    if let Some(Stamp(expires_us)) = me.expires_at {
        ensure!(
            expires_us >= until_us,
            "the token of {user} expires at {}, before the run ends ({}): get one that lives longer, or \
             give a shorter --duration",
            format_us(expires_us),
            format_us(until_us)
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_needs_its_role_until_the_end() {
        let me = |roles: &[&str], expires_us: Option<i64>| Me {
            id: Some("ann".to_owned()),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            expires_at: expires_us.map(Stamp),
        };
        assert!(good(&me(&["OBSERVER", "BIDDER"], Some(5)), "BIDDER", 5).is_ok());
        assert!(good(&me(&["BIDDER"], None), "BIDDER", 5).is_ok());
        let told = |me: &Me| good(me, "BIDDER", 5).unwrap_err().to_string();
        let lacks = told(&me(&["OBSERVER"], None));
        assert!(lacks.contains("ann") && lacks.contains("--jwt-roles-claim"), "{lacks}");
        let expires = told(&me(&["BIDDER"], Some(4)));
        assert!(expires.contains("1970-01-01T00:00:00.000004Z"), "{expires}");
    }
}
