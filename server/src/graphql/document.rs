//! The text of a document: split into tokens exactly as the lexer of the GraphQL specification
//! does, and normalised into a form that the parser reads. Pure.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The tokens of a text, each with its byte offset. White space, line ends, commas, comments and
/// byte order marks are left out.
pub fn tokens(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        at += ignored(&text[at..]);
        let length = token_length(&text[at..])?;
        let token = (at, &text[at..at + length]);
        at += length;
        Some(token)
    })
}

/// Whether more than `max` brackets of a text are open at a time. A bracket that closes another
/// kind is an error that the parser reports.
pub fn nests_over(max: usize, text: &str) -> bool {
    let mut open = 0_usize;
    tokens(text).any(|(_, token)| {
        match token {
            "{" | "[" | "(" => open += 1,
            "}" | "]" | ")" => open = open.saturating_sub(1),
            _ => {}
        }
        open > max
    })
}

/// The length of the text before the next token.
fn ignored(text: &str) -> usize {
    let mut in_comment = false;
    text.char_indices()
        .find(|(_, c)| {
            in_comment = match c {
                '\n' | '\r' => false,
                '#' => true,
                _ => in_comment,
            };
            !in_comment && !matches!(c, '\t' | '\n' | '\r' | ' ' | ',' | '\u{feff}')
        })
        .map_or(text.len(), |(at, _)| at)
}

/// The length of the token at the start of a text. `None`: there is nothing left.
fn token_length(text: &str) -> Option<usize> {
    let first = text.chars().next()?;
    Some(match first {
        '"' => block_string_length(text).unwrap_or_else(|| string_length(text)),
        '_' | 'a'..='z' | 'A'..='Z' => {
            text.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(text.len())
        }
        '-' | '0'..='9' => number_length(text),
        '.' if text.starts_with("...") => 3,
        _ => first.len_utf8(),
    })
}

/// `None`: no block string starts here, or it has no end, and the parser takes `""` for a string.
fn block_string_length(text: &str) -> Option<usize> {
    let content = text.strip_prefix("\"\"\"")?;
    let mut from = 0;
    loop {
        let end = from + content[from..].find("\"\"\"")?;
        if !content[..end].ends_with('\\') {
            return Some(end + 6);
        }
        from = end + 3;
    }
}

fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '\n' | '\r' => return at,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        rest.iter().take_while(|b| b.is_ascii_digit()).count()
    };
    let mut end = usize::from(bytes[0] == b'-');
    end += digits(end);
    if bytes.get(end) == Some(&b'.') && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if digits(end + 1 + sign) > 0 {
            end += 1 + sign + digits(end + 1 + sign);
        }
    }
    end
}

/// A document with the same meaning that the parser can read, with lines that it counts as the
/// specification does: every line ends with a line feed, and characters beyond the first 65,536
/// that strings write as two escapes, or as `\u{...}`, are written literally.
pub fn readable(document: String) -> String {
    // Inside a block string, the only place where it matters, any line end is a line feed.
    let has_returns = document.contains('\r');
    let document =
        if has_returns { document.replace("\r\n", "\n").replace('\r', "\n") } else { document };
    if !document.contains("\\u") {
        return document;
    }
    let mut read = String::with_capacity(document.len());
    let mut done = 0;
    for (at, token) in tokens(&document) {
        read.push_str(&document[done..at]);
        let is_string = token.starts_with('"') && !token.starts_with("\"\"\"");
        read.push_str(&if is_string { unescaped(token) } else { Cow::Borrowed(token) });
        done = at + token.len();
    }
    read.push_str(&document[done..]);
    read
}

/// A string token without the escapes that the parser does not support.
fn unescaped(string: &str) -> Cow<'_, str> {
    let mut read = String::new();
    let mut done = 0;
    let mut at = 0;
    while let Some(found) = string[at..].find('\\') {
        at += found;
        let Some((length, c)) = long_escape(&string[at..]) else {
            // The escape's own second character may be a backslash.
            at += 1 + string[at + 1..].chars().next().map_or(0, char::len_utf8);
            continue;
        };
        read.push_str(&string[done..at]);
        match u32::from(c) {
            // Some of these would end the string.
            short @ ..=0xffff => {
                write!(read, "\\u{short:04x}").expect("a String takes all");
            }
            _ => read.push(c),
        }
        at += length;
        done = at;
    }
    match done {
        0 => Cow::Borrowed(string),
        _ => Cow::Owned(read + &string[done..]),
    }
}

/// The length and the character of `\u{...}` or of a pair of surrogates.
fn long_escape(text: &str) -> Option<(usize, char)> {
    let rest = text.strip_prefix("\\u")?;
    if let Some(braced) = rest.strip_prefix('{') {
        let digits = &braced[..braced.find('}')?];
        let is_hex = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
        let code = u32::from_str_radix(digits, 16).ok().filter(|_| is_hex)?;
        return Some((digits.len() + 4, char::from_u32(code)?));
    }
    let unit = |text: &str| {
        let digits = text.get(..4).filter(|four| four.bytes().all(|b| b.is_ascii_hexdigit()))?;
        u16::from_str_radix(digits, 16).ok()
    };
    let pair = [unit(rest)?, unit(rest.get(4..)?.strip_prefix("\\u")?)?];
    let c = char::decode_utf16(pair).next()?.ok()?;
    (u32::from(c) > 0xffff).then_some((12, c))
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use proptest::prelude::*;

    use super::*;

    fn all(text: &str) -> Vec<&str> {
        tokens(text).map(|(_, token)| token).collect()
    }

    #[test]
    fn brackets_count_while_they_are_open_and_outside_strings_and_comments() {
        for (text, open_max) in [
            ("{ a(b: [{ c: 1 }]) { d } }", 4),
            ("{ a } { b } { c }", 1),
            ("]]] { a }", 1),
            ("{ a(b: \"[[[[\\\"[[\") } # [[[[", 2),
            ("{ a(b: \"\"\"[[[ \" [[[\"\"\") }", 2),
        ] {
            assert!(!nests_over(open_max, text), "{text}");
            assert!(nests_over(open_max - 1, text), "{text}");
        }
    }

    #[test]
    fn tokens_are_those_of_the_specification() {
        for (text, expected) in [
            ("\u{feff}{a,b\tc}", vec!["{", "a", "b", "c", "}"]),
            ("a#b\rc#d\ne", vec!["a", "c", "e"]),
            ("#a#b\r\n#", vec![]),
            ("...F ...on Q", vec!["...", "F", "...", "on", "Q"]),
            (
                "$a:[B!]=@c&d|e",
                vec!["$", "a", ":", "[", "B", "!", "]", "=", "@", "c", "&", "d", "|", "e"],
            ),
            ("1-2 -3.5e+10 4E5 6.f", vec!["1", "-2", "-3.5e+10", "4E5", "6", ".", "f"]),
            (r##""a\"#\\" "" b"##, vec![r##""a\"#\\""##, r#""""#, "b"]),
            (r#""""a "" \""" b""" c"#, vec![r#""""a "" \""" b""""#, "c"]),
            (r#""""""" a"#, vec![r#""""""""#, "a"]),
            (r#"["""a"]"#, vec!["[", r#""""#, r#""a""#, "]"]),
        ] {
            assert_eq!(all(text), expected, "{text:?}");
        }
    }

    /// The value of the argument of a document's one field.
    fn argument(document: &str) -> Option<String> {
        let document = parse_query(document).ok()?;
        let (_, operation) = document.operations.iter().next()?;
        let async_graphql::parser::types::Selection::Field(field) =
            &operation.node.selection_set.node.items[0].node
        else {
            return None;
        };
        match field.node.arguments[0].1.node.clone().into_const()? {
            async_graphql::Value::String(text) => Some(text),
            _ => None,
        }
    }

    #[test]
    fn every_escape_of_the_specification_is_read() {
        for (string, expected) in [
            (r#""\uD83D\uDE00""#, Some("😀")),
            (r#""\ud83d\ude00 \u00e9\n""#, Some("😀 é\n")),
            (r#""\u{1F600}\u{e9}""#, Some("😀é")),
            (r#""\u{22}\u{5C}\u{a}""#, Some("\"\\\n")),
            (r#""\\uD83D\\uDE00""#, Some(r"\uD83D\uDE00")),
            (r#""\\\uD83D\uDE00""#, Some("\\😀")),
            ("\"\"\"\\uD83D\\uDE00\"\"\"", Some(r"\uD83D\uDE00")),
            // Half a pair is no character.
            (r#""\uD83D""#, None),
            (r#""\uD83Dx\uDE00""#, None),
            (r#""\uDE00\uD83D""#, None),
            (r#""\u{110000}""#, None),
            (r#""\u{}""#, None),
        ] {
            let read = readable(format!("{{ a(b: {string}) }} # \\uD83D\\uDE00"));
            assert_eq!(argument(&read).as_deref(), expected, "{string} as {read}");
        }
    }

    #[test]
    fn every_line_end_is_one_and_counts_as_one() {
        let read = readable("{ a #b\r c\r\n d }\r\r\n".to_owned());
        assert_eq!(read, "{ a #b\n c\n d }\n\n");
        let error = parse_query(readable("{\r a\r ! }".to_owned())).unwrap_err();
        assert_eq!(error.positions().next().map(|at| at.line), Some(3), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_is_split_whole_and_read_the_same_twice(
            text in "([ -~]|\r|\n|\u{feff}|é|😀|\"{1,4}|\\\\u|\\{|D83D|DE00){0,40}"
        ) {
            let mut end = 0;
            for (at, token) in tokens(&text) {
                prop_assert!(at >= end && !token.is_empty());
                end = at + token.len();
            }
            let read = readable(text);
            prop_assert_eq!(readable(read.clone()), read);
        }
    }
}
