//! Moments as people type them.

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use model::Timestamp;

/// Reads `90s`, `30m`, `1h`, `2d`, `1w` (before `now`), RFC 3339, or a date with or without a time, in UTC.
#[must_use]
pub fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Some(seconds) = span_seconds(text) {
        return Some(now.plus_seconds(-seconds));
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return at.timestamp_nanos_opt().map(Timestamp::from_nanos);
    }
    let formats = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
    let wall_clock = formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let wall_clock =
        wall_clock.or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0))?;
    wall_clock.and_utc().timestamp_nanos_opt().map(Timestamp::from_nanos)
}

fn span_seconds(text: &str) -> Option<i64> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    let number: i64 = text.get(..text.len() - 1)?.parse().ok()?;
    number.checked_mul(unit).filter(|seconds| *seconds >= 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read() {
        let now = Timestamp::from_nanos(1_795_231_696_000_000_000);
        let check = |text, expected: Option<&str>| {
            assert_eq!(moment(text, now).map(|at| at.to_string()).as_deref(), expected, "{text}");
        };
        check("1h", Some("2026-11-21T02:28:16.000Z"));
        check("2d", Some("2026-11-19T03:28:16.000Z"));
        check("2026-11-21", Some("2026-11-21T00:00:00.000Z"));
        check("2026-11-21T03:28:16.5", Some("2026-11-21T03:28:16.500Z"));
        check("2026-11-21T03:28:16+01:00", Some("2026-11-21T02:28:16.000Z"));
        check("soon", None);
        check("-1h", None);
        check("99999999999999999999h", None);
    }
}
