//! Who a caller is, and what they may do.
//!
//! A bearer token (JWT) makes a [`Principal`]; no token makes an anonymous observer, unless that is
//! disabled. A bidder's identity comes only from their token.

pub mod principal;
pub mod keys;
pub mod jwks;
pub mod token;
pub mod session;
#[cfg(test)]
mod token_tests;

pub use jwks::{Jwks, JwksSource};
pub use principal::{AuthError, Principal, Role, RoleSet};
pub use session::{Authenticator, Session};
pub use token::{Rules, SecretError, Verifier};
