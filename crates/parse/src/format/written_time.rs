//! The ways in which our neighbours write a time.
//!
//! Each parser checks the shape only. A time of the right shape that no calendar knows is `Stamp::Unreadable`:
//! the rest of the line is still worth reading.
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while_m_n, take_while1};
use nom::character::complete::{char, one_of, space0, space1};
use nom::combinator::{consumed, map, opt, peek, verify};
use nom::sequence::{delimited, preceded, terminated};
use nom::{IResult, Parser};

use super::wall_clock;
use crate::clock::midnight;
use crate::header::Stamp;

pub(super) type Read<'a, T> = IResult<&'a str, T>;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

#[derive(Clone, Copy, Debug)]
struct Date {
    year: u32,
    month: u32,
    day: u32,
}

/// `2026-11-21 03:14:18`, with `T`, a fraction after `.` or `,`, and a zone if they are there; the hour may be padded
/// with a space (MariaDB), and a blank may stand before the zone (gunicorn). Without a zone the time is local.
pub(super) fn iso(input: &str) -> Read<'_, Stamp<'_>> {
    let date = (digits(4), char('-'), digits(2), char('-'), digits(2));
    let apart = preceded((char(' '), peek(one_of("+-"))), wall_clock::zone);
    let (rest, (text, (date, _, nanos, zone))) =
        consumed((date, one_of("T "), time_of_day, opt(alt((wall_clock::zone, apart))))).parse(input)?;
    let (year, _, month, _, day) = date;
    Ok((rest, stamp(text, Date { year, month, day }, nanos, zone)))
}

/// `Sat Nov 21 03:14:18.123456 2026` (`asctime`, Apache); local.
pub(super) fn ctime(input: &str) -> Read<'_, Stamp<'_>> {
    let (rest, (text, (_, _, month, _, day, _, nanos, _, year))) =
        consumed((weekday, space1, month, space1, short_number, space1, time_of_day, space1, digits(4)))
            .parse(input)?;
    Ok((rest, stamp(text, Date { year, month, day }, nanos, None)))
}

/// `Nov 21 03:14:18`, perhaps with a fraction: RFC 3164 and what `journalctl` prints.
pub(super) fn yearless(input: &str) -> Read<'_, Stamp<'_>> {
    let (rest, (text, (month, _, day, _, nanos))) =
        consumed((month, space1, short_number, space1, time_of_day)).parse(input)?;
    let known = (1..=31).contains(&day) && nanos.is_some();
    let stamp = match nanos {
        Some(nanos) if known => Stamp::Yearless { month, day, nanos },
        _ => Stamp::Unreadable(text),
    };
    Ok((rest, stamp))
}

/// `21/Nov/2026:03:14:18 +0000` (access logs), `21/Nov/2026 03:14:18`, `06/Feb/2009:12:14:14.655` (haproxy).
pub(super) fn common_log(input: &str) -> Read<'_, Stamp<'_>> {
    let (rest, (text, (date, _, nanos, zone))) =
        consumed((slashed_date, one_of(": "), time_of_day, opt(preceded(char(' '), wall_clock::zone))))
            .parse(input)?;
    Ok((rest, stamp(text, date, nanos, zone)))
}

/// `21/Nov/2026/03/14/18`, as Swift's proxy writes it; always UTC.
pub(super) fn all_slashes(input: &str) -> Read<'_, Stamp<'_>> {
    let clock = (digits(2), char('/'), digits(2), char('/'), digits(2));
    let (rest, (text, (date, _, (hour, _, minute, _, second)))) =
        consumed((slashed_date, char('/'), clock)).parse(input)?;
    Ok((rest, stamp(text, date, nanos_of_day(hour, minute, second, 0), Some(0))))
}

/// `1-Jan-2015::12:00:00`, as Erlang's error logger writes it; local.
pub(super) fn erlang(input: &str) -> Read<'_, Stamp<'_>> {
    let (rest, (text, (day, _, month, _, year, _, nanos))) =
        consumed((short_number, char('-'), month, char('-'), digits(4), tag("::"), time_of_day))
            .parse(input)?;
    Ok((rest, stamp(text, Date { year, month, day }, nanos, None)))
}

/// `261121  3:29:38`, as MySQL wrote it before 5.7 and MariaDB's slow log still does; local.
pub(super) fn two_digit_year(input: &str) -> Read<'_, Stamp<'_>> {
    let (rest, (text, (year, month, day, _, nanos))) =
        consumed((digits(2), digits(2), digits(2), char(' '), time_of_day)).parse(input)?;
    Ok((rest, stamp(text, Date { year: 2000 + year, month, day }, nanos, None)))
}

/// Seconds since 1970 with a fraction. A float holds today's microseconds exactly enough, no more.
#[expect(clippy::cast_possible_truncation, reason = "checked to lie within the years that a timestamp holds")]
pub(super) fn from_epoch_seconds(seconds: f64) -> Option<i64> {
    let micros = (seconds * 1e6).round();
    (micros.abs() < 9.2e15).then(|| micros as i64 * 1_000)
}

/// Takes a local time for UTC: for formats that write UTC without saying so.
pub(super) fn as_utc(stamp: Stamp<'_>) -> Stamp<'_> {
    match stamp {
        Stamp::Local(nanos) => Stamp::Utc(nanos),
        other => other,
    }
}

/// A whole text that is an ISO time and nothing else.
pub(super) fn whole_iso(text: &str) -> Option<Stamp<'_>> {
    iso(text).ok().filter(|(rest, _)| rest.is_empty()).map(|(_, stamp)| stamp)
}

/// Exactly `count` digits.
pub(super) fn digits<'a>(
    count: usize,
) -> impl Parser<&'a str, Output = u32, Error = nom::error::Error<&'a str>> {
    take_while_m_n(count, count, |c: char| c.is_ascii_digit()).map_res(str::parse)
}

/// Any number of digits that fits.
pub(super) fn number(input: &str) -> Read<'_, u32> {
    take_while1(|c: char| c.is_ascii_digit()).map_res(str::parse).parse(input)
}

fn short_number(input: &str) -> Read<'_, u32> {
    take_while_m_n(1, 2, |c: char| c.is_ascii_digit()).map_res(str::parse).parse(input)
}

fn slashed_date(input: &str) -> Read<'_, Date> {
    map((short_number, char('/'), month, char('/'), digits(4)), |(day, _, month, _, year)| Date {
        year,
        month,
        day,
    })
    .parse(input)
}

/// Nanoseconds of the day; `None` when there is no such time.
fn time_of_day(input: &str) -> Read<'_, Option<i64>> {
    let hour = preceded(space0, short_number);
    map(
        (hour, char(':'), digits(2), char(':'), digits(2), opt(wall_clock::fraction)),
        |(hour, _, minute, _, second, fraction)| nanos_of_day(hour, minute, second, fraction.unwrap_or(0)),
    )
    .parse(input)
}

/// Second 60 is a leap second.
fn nanos_of_day(hour: u32, minute: u32, second: u32, nanos: i64) -> Option<i64> {
    let known = hour < 24 && minute < 60 && second <= 60;
    known.then(|| i64::from(hour * 3600 + minute * 60 + second) * NANOS_PER_SECOND + nanos)
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

fn three_letters(input: &str) -> Read<'_, &str> {
    take_while_m_n(3, 3, |c: char| c.is_ascii_alphabetic()).parse(input)
}

fn month(input: &str) -> Read<'_, u32> {
    three_letters
        .map_opt(|name| (1..).zip(MONTHS).find(|(_, known)| *known == name).map(|(number, _)| number))
        .parse(input)
}

fn weekday(input: &str) -> Read<'_, &str> {
    verify(three_letters, |name: &str| WEEKDAYS.contains(&name)).parse(input)
}

fn stamp<'a>(text: &'a str, date: Date, nanos: Option<i64>, zone: Option<i64>) -> Stamp<'a> {
    let local = || midnight(date.year.try_into().ok()?, date.month, date.day)?.checked_add(nanos?);
    let shifted = |east: i64| local()?.checked_sub(east);
    match zone {
        Some(zone) => shifted(zone).map(Stamp::Utc),
        None => local().map(Stamp::Local),
    }
    .unwrap_or(Stamp::Unreadable(text))
}

/// `[…]` around any of these.
pub(super) fn bracketed<'a>(
    inner: impl Parser<&'a str, Output = Stamp<'a>, Error = nom::error::Error<&'a str>>,
) -> impl Parser<&'a str, Output = Stamp<'a>, Error = nom::error::Error<&'a str>> {
    delimited(char('['), inner, char(']'))
}

/// `parser` and the blanks after it.
pub(super) fn word<'a, T>(
    parser: impl Parser<&'a str, Output = T, Error = nom::error::Error<&'a str>>,
) -> impl Parser<&'a str, Output = T, Error = nom::error::Error<&'a str>> {
    terminated(parser, space1)
}

#[cfg(test)]
pub(super) mod tests {
    use model::Timestamp;

    use super::*;

    /// As a person would check it: `2026-11-21T03:14:18.000Z` for UTC, the same with ` local` for `Local`.
    pub(in crate::format) fn shown(stamp: Stamp<'_>) -> String {
        match stamp {
            Stamp::Missing => "-".to_owned(),
            Stamp::Utc(nanos) => Timestamp::from_nanos(nanos).to_string(),
            Stamp::Local(nanos) => Timestamp::from_nanos(nanos).to_string().replace('Z', " local"),
            Stamp::Yearless { month, day, nanos } => format!("{month}/{day} {}ms", nanos / 1_000_000),
            Stamp::Unreadable(text) => format!("?{text}"),
        }
    }

    fn check(read: fn(&str) -> Read<'_, Stamp<'_>>, text: &str, expected: &str) {
        assert_eq!(read(text).map(|(_, stamp)| shown(stamp)).as_deref(), Ok(expected), "{text}");
    }

    #[test]
    fn each_neighbour_writes_the_time_in_its_own_way() {
        check(iso, "2026-11-21 03:02:55.865866+00:00 [notice]", "2026-11-21T03:02:55.865Z");
        check(iso, "2026-11-21T03:29:10.768950Z qemu", "2026-11-21T03:29:10.768Z");
        check(iso, "2026-11-21 03:27:05.213+0000: starting", "2026-11-21T03:27:05.213Z");
        check(iso, "2026-11-21T03:27:05,5-03:30", "2026-11-21T06:57:05.500Z");
        check(iso, "2026-11-21  3:18:22 171 [Warning]", "2026-11-21T03:18:22.000 local");
        check(ctime, "Sat Nov 21 03:55:37 2026 - SIGPIPE", "2026-11-21T03:55:37.000 local");
        check(ctime, "Sun Nov  1 03:55:37.123456 2026]", "2026-11-01T03:55:37.123 local");
        check(yearless, "Nov  1 00:00:18.5 host", "11/1 18500ms");
        check(common_log, "21/Nov/2026:03:14:18 +0100]", "2026-11-21T02:14:18.000Z");
        check(common_log, "06/Feb/2009:12:14:14.655]", "2009-02-06T12:14:14.655 local");
        check(all_slashes, "21/Nov/2026/03/14/18 GET", "2026-11-21T03:14:18.000Z");
        check(erlang, "1-Jan-2015::12:00:00 ===", "2015-01-01T12:00:00.000 local");
        check(two_digit_year, "261121  3:29:38", "2026-11-21T03:29:38.000 local");
    }

    #[test]
    fn times_that_no_calendar_knows_are_unreadable_not_lost() {
        for text in [
            "2026-13-01 00:00:00",
            "2026-02-29 00:00:00",
            "2026-11-00 00:00:00",
            "2026-11-21 25:00:00",
            "9999-11-21 00:00:00Z",
            "0000-01-01 00:00:00",
        ] {
            check(iso, text, &format!("?{text}"));
        }
        check(iso, "2024-02-29 23:59:60", "2024-03-01T00:00:00.000 local");
        check(yearless, "Nov 99 03:14:18 host", "?Nov 99 03:14:18");
        assert!(iso("20261121 03:14:18").is_err());
        assert!(ctime("Xyz Nov 21 03:55:37 2026").is_err());
        assert_eq!(from_epoch_seconds(f64::NAN), None);
        assert_eq!(from_epoch_seconds(1e300), None);
    }
}
