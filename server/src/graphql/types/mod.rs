//! The object types of the schema.

mod bid;
mod auction;
mod answer;
mod standing;
mod caller;

pub use answer::{BidAccepted, BidRejected, BidRejectedCode, PlaceBidResult};
pub(super) use auction::page_size;
pub use auction::{AuctionObject, AuctionStatus, View};
pub use bid::{BidObject, BidSource, BidTiming};
pub use caller::{Me, RoleName, Session};
pub use standing::{AuctionStanding, Standing};
