//! The figures of the cost model: the cost of each field of the schema. A test checks them against
//! the schema.
//!
//! A point is roughly the cost of resolving one plain field: one to two microseconds. The other
//! figures are multiples of that, measured on the embedded store.

use crate::limits;

/// The cost of one field, without its selections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weight {
    /// Points of work.
    pub points: u64,
    /// Requests to the table.
    pub reads: u64,
    /// The largest size of its value in an answer, in bytes of JSON.
    pub bytes: u64,
    /// How often its selections are resolved if it has no argument `first`.
    pub times: u64,
    /// Whether `first` determines how often its selections are resolved.
    pub is_page: bool,
}

const PLAIN: Weight = Weight { points: 1, reads: 0, bytes: 40, times: 1, is_page: false };

/// The cost of `auctions` with a list of ids: one read of them all, not of the index.
pub const LISTED_AUCTIONS: Weight =
    Weight { points: 4 * READ_POINTS, reads: 1, times: 20, is_page: true, ..PLAIN };

/// The base points of an operation, for reading it and answering.
pub const OPERATION_POINTS: u64 = 20;
/// The points that each 64 bytes of a document cost: parsing and validating it.
pub const DOCUMENT_POINTS: u64 = 10;
/// The points of a subscription, without its events: joining its group.
pub const SUBSCRIPTION_POINTS: u64 = 60;
/// The points of a strongly consistent read of an item.
pub const READ_POINTS: u64 = 60;
/// The discount for introspection fields, which are in memory.
pub const INTROSPECTION_DISCOUNT: u64 = 16;

/// The cost of a field with this name. `is_root`: it is a field of the query or mutation itself.
pub fn weight(name: &str, is_root: bool) -> Weight {
    match (name, is_root) {
        ("auction", true) | ("myStanding", false) => {
            Weight { points: READ_POINTS, reads: 1, ..PLAIN }
        }
        // The partitions of the index of each phase, then the auctions themselves.
        ("auctions", true) => {
            let reads = u64::from(limits::DUE_PARTITIONS);
            Weight { points: 20 * READ_POINTS, reads, times: 20, is_page: true, ..PLAIN }
        }
        ("bids", _) => {
            Weight { points: 2 * READ_POINTS, reads: 1, times: 50, is_page: true, ..PLAIN }
        }
        ("auctionsUpdated", true) => Weight { times: limits::LOBBY_FRAME_AUCTIONS as u64, ..PLAIN },
        // Up to ten times a query and a read of a hundred auctions.
        ("standings", false) => {
            Weight { points: 20 * READ_POINTS, reads: 20, times: 20, is_page: true, ..PLAIN }
        }
        ("nextBids", false) => Weight { points: 4, times: 5, is_page: true, ..PLAIN },
        ("placeBid" | "openAuction" | "cancelAuction", true) => {
            Weight { points: 4 * READ_POINTS, reads: 1, ..PLAIN }
        }
        ("createAuction", true) => Weight { points: 4 * READ_POINTS, reads: 1, ..PLAIN },
        ("renewToken", true) => Weight { points: READ_POINTS, ..PLAIN },
        ("description", false) => {
            Weight { bytes: escaped(limits::DESCRIPTION_BYTES_MAX), points: 8, ..PLAIN }
        }
        ("title", false) => Weight { bytes: escaped(limits::TITLE_BYTES_MAX), ..PLAIN },
        ("id" | "userId" | "bidderId" | "sellerId" | "leaderId" | "winnerId", false) => {
            Weight { bytes: 2 + limits::USER_ID_BYTES_MAX as u64, ..PLAIN }
        }
        ("message", false) => Weight { bytes: 160, ..PLAIN },
        _ => PLAIN,
    }
}

/// The size of a text of this many bytes as JSON: quotes and line breaks take two bytes.
const fn escaped(bytes: usize) -> u64 {
    2 + bytes as u64 * 5 / 4
}

/// How often the selections of an introspection field are resolved: the average length of the lists
/// in the schema.
pub fn introspection_times(name: &str) -> u64 {
    match name {
        "types" => 48,
        "fields" => 8,
        "inputFields" => 6,
        "enumValues" | "directives" => 5,
        "args" | "possibleTypes" | "locations" => 3,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_schema;
    use async_graphql::parser::types::{TypeKind, TypeSystemDefinition};

    use super::*;
    use crate::graphql::execute::sdl;

    /// Texts that are as short as any plain field.
    const SHORT: [&str; 6] =
        ["auctionId", "cursor", "startCursor", "endCursor", "currency", "traceparent"];

    /// Whoever adds a text must say how long it may be.
    #[test]
    fn every_text_of_the_schema_has_a_size() {
        let schema = parse_schema(sdl()).unwrap();
        for definition in schema.definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let TypeKind::Object(object) = &definition.node.kind else { continue };
            let texts = object.fields.iter().filter(|field| {
                let of = field.node.ty.node.to_string();
                of.trim_end_matches('!') == "String" || of.trim_end_matches('!') == "ID"
            });
            for field in texts {
                let name = field.node.name.node.as_str();
                let is_sized = weight(name, false).bytes != PLAIN.bytes;
                assert!(is_sized || SHORT.contains(&name), "{name} has no size");
            }
        }
    }

    /// Whoever adds a page, or a field that reads the table, must price it.
    #[test]
    fn every_page_of_the_schema_is_priced_as_one() {
        let schema = parse_schema(sdl()).unwrap();
        let mut pages = 0;
        for definition in schema.definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let TypeKind::Object(object) = &definition.node.kind else { continue };
            let is_root = matches!(definition.node.name.node.as_str(), "Query" | "Mutation");
            for field in &object.fields {
                let name = field.node.name.node.as_str();
                let first = field.node.arguments.iter().find(|of| of.node.name.node == "first");
                let weight = weight(name, is_root);
                assert_eq!(weight.is_page, first.is_some(), "{name}");
                if let Some(first) = first {
                    let default = first.node.default_value.as_ref().unwrap().node.to_string();
                    assert_eq!(weight.times.to_string(), default, "{name}");
                    pages += 1;
                }
                let is_written = definition.node.name.node == "Mutation";
                assert!(!is_written || weight.points > 1, "{name}");
            }
        }
        assert_eq!(pages, 4, "this test knows how many there are");
    }
}
