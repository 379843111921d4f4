//! Protobuf, walked through without being decoded.

use super::refusal::Refusal;

/// The values of one field of a message, which are messages or texts themselves.
pub(super) fn parts(message: &[u8], number: u64) -> impl Iterator<Item = Result<&[u8], Refusal>> {
    fields(message).filter_map(move |field| match field {
        Ok((found, Value::Bytes(bytes))) if found == number => Some(Ok(bytes)),
        Ok(_) => None,
        Err(refusal) => Some(Err(refusal)),
    })
}

/// The first value of such a field.
pub(super) fn part(message: &[u8], number: u64) -> Result<Option<&[u8]>, Refusal> {
    parts(message, number).next().transpose()
}

/// The value of a field that is a number; 0 when it is missing.
pub(super) fn number(message: &[u8], number: u64) -> Result<u64, Refusal> {
    for field in fields(message) {
        if let (found, Value::Number(value)) = field?
            && found == number
        {
            return Ok(value);
        }
    }
    Ok(0)
}

enum Value<'a> {
    Number(u64),
    /// It says how long it is.
    Bytes(&'a [u8]),
    Fixed,
}

fn fields(message: &[u8]) -> impl Iterator<Item = Result<(u64, Value<'_>), Refusal>> {
    let mut rest = message;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some((number, value, after)) = next(rest) else {
            rest = &[];
            return Some(Err(Refusal::Malformed("the body is no protobuf of this protocol".to_owned())));
        };
        rest = after;
        Some(Ok((number, value)))
    })
}

/// A field's number, its value, and what comes after it.
fn next(bytes: &[u8]) -> Option<(u64, Value<'_>, &[u8])> {
    let (key, rest) = varint(bytes)?;
    let (value, after) = match key & 7 {
        0 => varint(rest).map(|(number, after)| (Value::Number(number), after))?,
        1 => (Value::Fixed, rest.get(8..)?),
        5 => (Value::Fixed, rest.get(4..)?),
        2 => {
            let (length, rest) = varint(rest)?;
            let (value, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            (Value::Bytes(value), after)
        }
        // Groups are of older protocols.
        _ => return None,
    };
    Some((key >> 3, value, after))
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    /// Of 64 bits, seven to each.
    const LONGEST: usize = 10;
    let mut number = 0;
    for (index, byte) in bytes.iter().enumerate().take(LONGEST) {
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((number, bytes.get(index + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_of_all_types_are_walked_through() {
        let message = [
            &[0x08, 0x96, 0x01][..],         // 1: 150
            &[0x12, 2, b'a', b'b'],          // 2: "ab"
            &[0x19, 0, 0, 0, 0, 0, 0, 0, 0], // 3: 64 bits
            &[0x25, 0, 0, 0, 0],             // 4: 32 bits
            &[0x12, 0],                      // 2: ""
            &[0x28, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
        ]
        .concat();
        let texts: Vec<_> = parts(&message, 2).map(|part| part.unwrap()).collect();
        assert_eq!(texts, [&b"ab"[..], b""]);
        assert_eq!([1, 2, 5, 6].map(|field| number(&message, field).unwrap()), [150, 0, u64::MAX, 0]);
        for broken in [&message[..5], &message[..9], &[0x0b], &[0x12, 0xff], &[0xff; 11], &[0x12]] {
            assert!(fields(broken).any(|field| field.is_err()), "{broken:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_come_to_an_end(bytes: Vec<u8>) {
            prop_assert!(fields(&bytes).count() <= bytes.len());
        }
    }
}
