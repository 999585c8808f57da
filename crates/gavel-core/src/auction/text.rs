//! Which characters are visible to a reader. Pure.
//!
//! A name must not look like another one, so it may not contain invisible characters, characters
//! that change the direction of writing, or spaces other than the plain one.

/// Characters that are invisible, besides control characters: Unicode's format characters (Cf), its
/// default ignorable code points, line and paragraph separators, blanks, and unassigned code
/// points.
const UNSEEN: [(u32, u32); 31] = [
    (0xa0, 0xa0),
    (0xad, 0xad),
    (0x34f, 0x34f),
    (0x600, 0x605),
    (0x61c, 0x61c),
    (0x6dd, 0x6dd),
    (0x70f, 0x70f),
    (0x890, 0x891),
    (0x8e2, 0x8e2),
    (0x115f, 0x1160),
    (0x1680, 0x1680),
    (0x17b4, 0x17b5),
    (0x180b, 0x180f),
    (0x2000, 0x200f),
    (0x2028, 0x202f),
    (0x205f, 0x206f),
    (0x2800, 0x2800),
    (0x3000, 0x3000),
    (0x3164, 0x3164),
    (0xe000, 0xf8ff),
    (0xfe00, 0xfe0f),
    (0xfeff, 0xfeff),
    (0xffa0, 0xffa0),
    (0xfff0, 0xfffb),
    (0xfffe, 0xffff),
    (0x110bd, 0x110bd),
    (0x110cd, 0x110cd),
    (0x13430, 0x1343f),
    (0x1bca0, 0x1bca3),
    (0x1d173, 0x1d17a),
    (0xe0000, 0x0010_ffff),
];

/// Whether a character is visible, or is a plain space.
pub fn is_seen(c: char) -> bool {
    let code = u32::from(c);
    let at = UNSEEN.partition_point(|(_, last)| *last < code);
    !c.is_control() && UNSEEN.get(at).is_none_or(|(first, _)| code < *first)
}

/// Whether all characters of a name are visible, and it neither starts nor ends with a space.
pub fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name.trim_matches(' ') == name && name.chars().all(is_seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_no_part_of_a_name() {
        assert!(UNSEEN.is_sorted() && UNSEEN.iter().all(|(first, last)| first <= last));
        for name in ["ann", "auth0|5f7c", "Anna-Lena Müller", "田中", "عمر", "👍", "a@b.example"]
        {
            assert!(is_plain_name(name), "{name}");
        }
        for unseen in [
            '\0',
            '\n',
            '\u{7f}',
            '\u{85}',
            '\u{a0}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{180e}',
            '\u{2003}',
            '\u{200b}',
            '\u{200d}',
            '\u{200f}',
            '\u{2028}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{206f}',
            '\u{2800}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fffb}',
            '\u{e0041}',
            '\u{e01ef}',
            '\u{10ffff}',
        ] {
            assert!(!is_plain_name(&format!("a{unseen}b")), "{unseen:?}");
        }
        for name in ["", " ", " ann", "ann "] {
            assert!(!is_plain_name(name), "{name:?}");
        }
    }
}
