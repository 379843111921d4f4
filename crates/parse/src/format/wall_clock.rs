//! `2026-11-21 03:28:16.763+02:00`: the digits that most formats begin with.

use nom::error::{Error, ErrorKind};
use nom::{Err, IResult};

use crate::clock::midnight;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// `2026-11-21 03:28:16` or with a `T`: nanoseconds since 1970 as if it were UTC; `None` when no calendar has that day.
pub(crate) fn shape(text: &str) -> IResult<&str, Option<i64>> {
    let Some((head, rest)) = text.split_at_checked(19) else { return refuse(text) };
    let shaped = head.bytes().zip("0000-00-00 00:00:00".bytes()).all(|(byte, shape)| match shape {
        b'0' => byte.is_ascii_digit(),
        b' ' => byte == b' ' || byte == b'T',
        _ => byte == shape,
    });
    if !shaped {
        return refuse(text);
    }
    let bytes = head.as_bytes();
    let number = |digits: std::ops::Range<usize>| -> u32 {
        bytes[digits].iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
    };
    Ok((
        rest,
        date_time(
            [number(0..4), number(5..7), number(8..10)],
            [number(11..13), number(14..16), number(17..19)],
        ),
    ))
}

/// A leap second (`:60`) counts as the second after.
pub(crate) fn date_time([year, month, day]: [u32; 3], [hour, minute, second]: [u32; 3]) -> Option<i64> {
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second);
    midnight(i32::try_from(year).ok()?, month, day)?.checked_add(seconds * NANOS_PER_SECOND)
}

/// `.763`, `,763`, `.763123`: nanoseconds; digits beyond the ninth are left out.
pub(crate) fn fraction(text: &str) -> IResult<&str, i64> {
    let Some(digits) = text.strip_prefix(['.', ',']) else { return refuse(text) };
    let count = digits.bytes().take_while(u8::is_ascii_digit).count();
    let Some((digits, rest)) = digits.split_at_checked(count).filter(|_| count > 0) else {
        return refuse(text);
    };
    let mut unit = NANOS_PER_SECOND;
    let nanos = digits.bytes().fold(0, |nanos, digit| {
        unit /= 10;
        nanos + i64::from(digit - b'0') * unit
    });
    Ok((rest, nanos))
}

/// `Z`, `+02:00`, `-0330`, `+02`: nanoseconds east of UTC.
pub(crate) fn zone(text: &str) -> IResult<&str, i64> {
    if let Some(rest) = text.strip_prefix('Z') {
        return Ok((rest, 0));
    }
    let (sign, digits) = match text.as_bytes().first() {
        Some(b'+') => (1, text.get(1..).unwrap_or("")),
        Some(b'-') => (-1, text.get(1..).unwrap_or("")),
        _ => return refuse(text),
    };
    let Some((hours, rest)) = two_digits(digits) else { return refuse(text) };
    let (minutes, rest) = two_digits(rest.strip_prefix(':').unwrap_or(rest)).unwrap_or((0, rest));
    Ok((rest, sign * (hours * 60 + minutes) * 60 * NANOS_PER_SECOND))
}

fn two_digits(text: &str) -> Option<(i64, &str)> {
    let (digits, rest) = text.split_at_checked(2)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(())?;
    Some((digits.parse().ok()?, rest))
}

fn refuse<T>(text: &str) -> IResult<&str, T> {
    Err(Err::Error(Error::new(text, ErrorKind::Fail)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_and_zones_are_read() {
        assert_eq!(fraction(".7 x"), Ok((" x", 700_000_000)));
        assert_eq!(fraction(",1234567891 x"), Ok((" x", 123_456_789)));
        assert_eq!(zone("Z x"), Ok((" x", 0)));
        assert_eq!(zone("+05:45 x"), Ok((" x", 20_700 * NANOS_PER_SECOND)));
        assert_eq!(zone("-0330: x"), Ok((": x", -12_600 * NANOS_PER_SECOND)));
        assert!(fraction(".x").is_err());
        assert!(zone("x").is_err());
    }
}
