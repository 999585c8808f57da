//! Who a caller is, and what they may do.
//!
//! A bearer token (JWT) makes a [`Principal`]; no token makes an anonymous observer, unless that is
//! disabled. A bidder's identity comes only from their token.

pub mod principal;
pub mod credentials;
pub mod keys;
pub mod jwks;
pub mod roles;
pub mod token;
pub mod oidc;
pub mod api_keys;
pub mod authorizer;
pub mod session;
#[cfg(test)]
mod token_tests;

pub use api_keys::ApiKeys;
pub use authorizer::Authorizer;
pub use credentials::Credentials;
pub use jwks::{Jwks, JwksSource};
pub use principal::{AuthError, Principal, Role, RoleSet};
pub use roles::RoleRules;
pub use session::{Authenticator, Session};
pub use token::{Rules, SecretError, Verifier};
