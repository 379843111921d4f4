//! From a time as it is written to a time in UTC.

use chrono::{DateTime, MappedLocalTime, NaiveDate, Offset, TimeZone};
use chrono_tz::Tz;
use model::Timestamp;

use crate::header::Stamp;

const NANOS_PER_SECOND: i64 = 1_000_000_000;
const NANOS_PER_DAY: i64 = 86_400 * NANOS_PER_SECOND;
/// Zones change their offset at full quarters of an hour.
const NANOS_PER_QUARTER: i64 = 900 * NANOS_PER_SECOND;

/// The time zone in which a source writes its times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone(Tz);

impl Zone {
    pub const UTC: Self = Self(Tz::UTC);

    /// By its name in the time zone database: `Europe/Berlin`, `UTC`; or by its distance from UTC: `+02:00`, `-5`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        name.parse().ok().or_else(|| hours_from_utc(name)).map(Self)
    }
}

/// The database has a zone for every full hour, named with the sign turned round.
fn hours_from_utc(offset: &str) -> Option<Tz> {
    let (turned, digits) = match offset.strip_prefix('+') {
        Some(digits) => ('-', digits),
        None => ('+', offset.strip_prefix('-')?),
    };
    let digits = digits.strip_suffix(":00").unwrap_or(digits);
    let plain = (1..=2).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
    let hours: u8 = digits.parse().ok().filter(|_| plain)?;
    format!("Etc/GMT{turned}{hours}").parse().ok()
}

impl Default for Zone {
    fn default() -> Self {
        Self::UTC
    }
}

/// Resolves the stamps of one source, in the order of its lines.
#[derive(Debug)]
pub(crate) struct Clock {
    zone: Zone,
    /// A time near the lines, for stamps without a year: first the caller's hint, then the line before.
    near: Option<Near>,
    /// The quarter of an hour that was asked for last, and its offset in nanoseconds.
    cached: Option<(i64, i64)>,
}

#[derive(Clone, Copy, Debug)]
enum Near {
    /// The lines are not (much) later than this.
    Before(Timestamp),
    Line(Timestamp),
}

impl Clock {
    pub(crate) fn new(zone: Zone) -> Self {
        Self { zone, near: None, cached: None }
    }

    pub(crate) fn hint_year(&mut self, not_later: Timestamp) {
        self.near = Some(Near::Before(not_later));
    }

    /// `None` when there is no stamp, or it names no time.
    pub(crate) fn resolve(&mut self, stamp: Stamp<'_>) -> Option<Timestamp> {
        match stamp {
            Stamp::Missing | Stamp::Unreadable(_) => None,
            Stamp::Utc(nanos) => Some(Timestamp::from_nanos(nanos)),
            Stamp::Local(nanos) => Some(self.utc_of(nanos)),
            Stamp::Yearless { month, day, nanos } => self.with_year(month, day, nanos),
        }
    }

    fn utc_of(&mut self, local: i64) -> Timestamp {
        if self.zone == Zone::UTC {
            return Timestamp::from_nanos(local);
        }
        let quarter = local.div_euclid(NANOS_PER_QUARTER);
        let offset = match self.cached {
            Some((cached, offset)) if cached == quarter => offset,
            _ => {
                let offset = offset_nanos(self.zone.0, local);
                self.cached = Some((quarter, offset));
                offset
            }
        };
        Timestamp::from_nanos(local.saturating_sub(offset))
    }

    /// A day of the year of a neighbouring time: never far after the hint, else nearest to the line before. So a
    /// file that runs over new year keeps its order, and so does a stream that was opened last year.
    fn with_year(&mut self, month: u32, day: u32, nanos: i64) -> Option<Timestamp> {
        let near = self.near?;
        let (Near::Before(time) | Near::Line(time)) = near;
        let year = year_of(time);
        let candidates = (year - 1..=year + 1).filter_map(|year| midnight(year, month, day));
        let candidates = candidates.map(|midnight| midnight.saturating_add(nanos));
        let distance = |local: &i64| local.abs_diff(time.nanos());
        let local = match near {
            Near::Before(limit) => {
                let limit = limit.plus_seconds(86_400).nanos();
                candidates.filter(|local| *local <= limit).min_by_key(distance)?
            }
            Near::Line(_) => candidates.min_by_key(distance)?,
        };
        let resolved = self.utc_of(local);
        self.near = Some(Near::Line(resolved));
        Some(resolved)
    }
}

/// In the hour that a clock set back shows twice, the first reading; in the hour that a clock set forward leaves out,
/// the offset of the time before.
fn offset_nanos(zone: Tz, local: i64) -> i64 {
    let wall = DateTime::from_timestamp_nanos(local).naive_utc();
    let offset = match zone.offset_from_local_datetime(&wall) {
        MappedLocalTime::Single(offset) | MappedLocalTime::Ambiguous(offset, _) => offset,
        MappedLocalTime::None => {
            let before = wall.checked_sub_signed(chrono::TimeDelta::hours(3)).unwrap_or(wall);
            zone.offset_from_utc_datetime(&before)
        }
    };
    i64::from(offset.fix().local_minus_utc()) * NANOS_PER_SECOND
}

fn year_of(time: Timestamp) -> i32 {
    chrono::Datelike::year(&DateTime::from_timestamp_nanos(time.nanos()))
}

/// Nanoseconds since 1970; `None` for a day that no calendar has, or that lies outside 1678 to 2261.
pub(crate) fn midnight(year: i32, month: u32, day: u32) -> Option<i64> {
    if !(1678..=2261).contains(&year) {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(year, month, day)?;
    let days = date.signed_duration_since(NaiveDate::default()).num_days();
    days.checked_mul(NANOS_PER_DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(text: &str) -> Stamp<'_> {
        let date = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap();
        Stamp::Local(date.and_utc().timestamp_nanos_opt().unwrap())
    }

    #[test]
    fn zones_have_names_or_a_distance() {
        let check = |text, name: Option<&str>| {
            assert_eq!(Zone::parse(text).map(|zone| zone.0.name()), name, "{text}");
        };
        check("Europe/Berlin", Some("Europe/Berlin"));
        check("+02:00", Some("Etc/GMT-2"));
        check("-5", Some("Etc/GMT+5"));
        check("+00:00", Some("Etc/GMT-0"));
        for odd in ["", "+", "+2:30", "+99:00", "++2", "+-2", "+２", "Mars/Olympus"] {
            check(odd, None);
        }
    }

    #[test]
    fn local_times_become_utc() {
        let check = |zone, text: &str, expected: &str| {
            let resolved = Clock::new(Zone::parse(zone).unwrap()).resolve(local(text)).unwrap();
            assert_eq!(resolved.to_string(), expected, "{text} in {zone}");
        };
        check("UTC", "2026-11-21 03:00:00", "2026-11-21T03:00:00.000Z");
        check("Europe/Berlin", "2026-11-21 03:00:00", "2026-11-21T02:00:00.000Z");
        check("Europe/Berlin", "2026-07-21 03:00:00", "2026-07-21T01:00:00.000Z");
        check("Asia/Kathmandu", "2026-07-21 03:00:00", "2026-07-20T21:15:00.000Z");
        // Clocks went back at 03:00: half past two came twice.
        check("Europe/Berlin", "2026-10-25 02:30:00", "2026-10-25T00:30:00.000Z");
        // Clocks went forward at 02:00: half past two never came.
        check("Europe/Berlin", "2026-03-29 02:30:00", "2026-03-29T01:30:00.000Z");
    }

    #[test]
    fn days_without_a_year_take_it_from_what_is_near() {
        let check = |hint: &str, days: &[(u32, u32)], expected: &[&str]| {
            let mut clock = Clock::new(Zone::UTC);
            let hint = clock.resolve(local(hint)).unwrap();
            clock.hint_year(hint);
            let resolve = |&(month, day)| clock.resolve(Stamp::Yearless { month, day, nanos: 0 });
            let years: Vec<String> = days.iter().filter_map(resolve).map(|time| time.to_string()).collect();
            let expected: Vec<String> = expected.iter().map(|day| format!("{day}T00:00:00.000Z")).collect();
            assert_eq!(years, expected);
        };
        check("2026-11-21 00:00:00", &[(11, 20), (11, 21)], &["2026-11-20", "2026-11-21"]);
        check("2027-01-02 00:00:00", &[(12, 31), (1, 1)], &["2026-12-31", "2027-01-01"]);
        check("2026-12-31 00:00:00", &[(12, 31), (1, 1)], &["2026-12-31", "2027-01-01"]);
        check("2026-03-01 00:00:00", &[(2, 30)], &[]);
        check("2026-03-01 00:00:00", &[(6, 1), (2, 1)], &["2025-06-01", "2025-02-01"]);
    }

    #[test]
    fn impossible_days_are_no_time() {
        assert_eq!(midnight(2026, 13, 1), None);
        assert_eq!(midnight(2026, 2, 29), None);
        assert_eq!(midnight(0, 1, 1), None);
        assert_eq!(midnight(1970, 1, 2), Some(NANOS_PER_DAY));
    }
}
