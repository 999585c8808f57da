//! WebSocket frames as a server sends them: not masked. Pure.

/// Lengths that do not fit the head follow it, in two or in eight bytes.
const SHORT: u8 = 0x7e;
const LONG: u8 = 0x7f;

/// A frame's payload and the bytes after it.
pub(crate) type Parsed<'a> = (u8, &'a [u8], &'a [u8]);

/// The first frame of these bytes: its opcode, its payload and what follows, if all of it is there.
pub(crate) fn first(bytes: &[u8]) -> Option<Parsed<'_>> {
    let (&[head, length], rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = match length & 0x7f {
        SHORT => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        LONG => {
            let (length, rest) = rest.split_first_chunk::<8>()?;
            (usize::try_from(u64::from_be_bytes(*length)).ok()?, rest)
        }
        length => (usize::from(length), rest),
    };
    let (payload, rest) = rest.split_at_checked(length)?;
    Some((head & 0x0f, payload, rest))
}

/// A text frame as a client sends it: masked, here with zeros.
pub(crate) fn from_client(text: &str) -> Vec<u8> {
    let mut frame = head(text.len(), 0x80);
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(text.as_bytes());
    frame
}

/// The answer to a ping, as a client sends it.
pub(crate) const PONG: [u8; 6] = [0x8a, 0x80, 0, 0, 0, 0];

/// A text frame as a server sends it.
pub(crate) fn from_server(text: &str) -> Vec<u8> {
    let mut frame = head(text.len(), 0);
    frame.extend_from_slice(text.as_bytes());
    frame
}

fn head(length: usize, mask: u8) -> Vec<u8> {
    match u16::try_from(length) {
        Ok(short) if length < 126 => vec![0x81, mask | short as u8],
        Ok(length) => {
            let [high, low] = length.to_be_bytes();
            vec![0x81, mask | SHORT, high, low]
        }
        Err(_) => {
            let mut head = vec![0x81, mask | LONG];
            head.extend_from_slice(&(length as u64).to_be_bytes());
            head
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_half_a_frame_is_none() {
        for length in [0, 125, 126, 250, 65_535, 65_536] {
            let text = "x".repeat(length);
            let mut bytes = from_server(&text);
            bytes.push(0x81);
            let (opcode, payload, rest) = first(&bytes).expect("a whole frame");
            assert_eq!((opcode, payload.len(), rest), (1, length, &[0x81][..]));
            if length > 0 {
                assert_eq!(first(&bytes[..bytes.len() - 2]), None);
            }
        }
    }
}
