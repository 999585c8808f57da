//! The roles that a token's claims grant. Pure.

use serde_json::{Map, Value};

use super::principal::{AuthError, Role, RoleSet};

/// The default claim that holds a token's roles.
pub const ROLES_CLAIM: &str = "roles";

/// Where a token's roles are, and what they are called there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRules {
    /// The claim, or the path to it: `realm_access.roles`.
    pub claim: String,
    /// Names of the identity provider and the role that each grants. Empty: names are those of the
    /// roles.
    pub map: Vec<(String, Role)>,
    /// The role of a token that grants none.
    pub default: Option<Role>,
}

impl Default for RoleRules {
    fn default() -> Self {
        Self { claim: ROLES_CLAIM.to_owned(), map: Vec::new(), default: None }
    }
}

impl RoleRules {
    /// The roles in these claims. Unknown names are ignored: they grant nothing.
    pub fn of(&self, claims: &Map<String, Value>) -> Result<RoleSet, AuthError> {
        let names = match self.find(claims) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            // As in an OAuth scope: names separated by spaces.
            Some(Value::String(names)) => names.split_ascii_whitespace().collect(),
            Some(_) => {
                return Err(AuthError::Malformed(
                    "its roles must be an array or a string of names",
                ));
            }
        };
        let granted: RoleSet = names.into_iter().flat_map(|name| self.named(name)).collect();
        let is_empty = granted.iter().next().is_none();
        Ok(if is_empty { self.default.into_iter().collect() } else { granted })
    }

    /// What a role is called in a token.
    pub fn name_of(&self, role: Role) -> &str {
        let mapped = self.map.iter().find(|(_, of)| *of == role);
        mapped.map_or(role.name(), |(name, _)| name)
    }

    /// A claim's own name may have dots in it, as that of a namespace; else they are a path.
    fn find<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a Value> {
        if let Some(value) = claims.get(&self.claim) {
            return Some(value);
        }
        let (first, rest) = self.claim.split_once('.')?;
        rest.split('.').try_fold(claims.get(first)?, |value, name| value.get(name))
    }

    fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Role> + 'a {
        let own = self.map.is_empty().then(|| Role::named(name)).flatten();
        let mapped = self.map.iter().filter(move |(of, _)| of == name).map(|(_, role)| *role);
        own.into_iter().chain(mapped)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(rules: &RoleRules, claims: Value) -> Result<Vec<&'static str>, AuthError> {
        let claims = claims.as_object().cloned().unwrap_or_default();
        rules.of(&claims).map(|roles| roles.iter().map(Role::name).collect())
    }

    fn at(claim: &str) -> RoleRules {
        RoleRules { claim: claim.to_owned(), ..RoleRules::default() }
    }

    #[test]
    fn roles_are_found_by_the_claims_name_or_by_a_path() {
        let keycloak = json!({ "realm_access": { "roles": ["bidder", "offline_access"] } });
        assert_eq!(of(&at("realm_access.roles"), keycloak.clone()), Ok(vec!["bidder"]));
        let namespaced = json!({ "https://shop.example/roles": ["Seller"] });
        assert_eq!(of(&at("https://shop.example/roles"), namespaced), Ok(vec!["seller"]));
        let both = json!({ "a.b": "seller", "a": { "b": "bidder" } });
        assert_eq!(of(&at("a.b"), both), Ok(vec!["seller"]), "the whole name first");
        for absent in ["realm_access.groups", "realm_access.roles.x", "x.y", "realm_access."] {
            assert_eq!(of(&at(absent), keycloak.clone()), Ok(vec![]), "{absent}");
        }
        assert!(of(&at("realm_access"), keycloak).is_err(), "an object is no list of names");
    }

    #[test]
    fn a_map_names_all_that_grants_a_role_and_a_default_is_for_who_has_none() {
        let map = vec![
            ("Buyers".to_owned(), Role::Bidder),
            ("staff".to_owned(), Role::Auctioneer),
            ("staff".to_owned(), Role::Seller),
        ];
        let rules = RoleRules { map, ..at("cognito:groups") };
        let groups = |names: Value| json!({ "cognito:groups": names });
        assert_eq!(of(&rules, groups(json!(["staff"]))), Ok(vec!["seller", "auctioneer"]));
        assert_eq!(of(&rules, groups(json!(["auctioneer", "buyers"]))), Ok(vec![]));
        let rules = RoleRules { default: Some(Role::Bidder), ..rules };
        assert_eq!(of(&rules, groups(json!(["other"]))), Ok(vec!["bidder"]));
        assert_eq!(of(&rules, json!({})), Ok(vec!["bidder"]));
        assert_eq!(of(&rules, groups(json!("staff x"))), Ok(vec!["seller", "auctioneer"]));
    }
}
