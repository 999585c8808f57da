//! Who asks, and what it may do.
//!
//! A bearer token (JWT) makes a [`Principal`]; no token makes an anonymous observer, unless that is
//! refused. A bidder's identity comes from its token alone.

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
