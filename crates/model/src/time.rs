use std::fmt;

/// Nanoseconds since 1970-01-01 UTC (OpenTelemetry's `Timestamp`), 1677 to 2262.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

const NANOS_PER_SECOND: i64 = 1_000_000_000;

impl Timestamp {
    pub const MIN: Self = Self(i64::MIN);
    pub const MAX: Self = Self(i64::MAX);

    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(NANOS_PER_SECOND)))
    }

    /// Seconds from `earlier` to `self`; negative when the order is the other way round.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a difference of seconds needs no nanosecond precision")]
    pub fn seconds_since(self, earlier: Self) -> f64 {
        self.0.saturating_sub(earlier.0) as f64 / NANOS_PER_SECOND as f64
    }
}

/// RFC 3339 in UTC with milliseconds: `2026-11-21T03:28:16.763Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) =
            (self.0.div_euclid(86_400 * NANOS_PER_SECOND), self.0.rem_euclid(86_400 * NANOS_PER_SECOND));
        let (year, month, day) = civil_from_days(days);
        let millis = second / 1_000_000;
        let (hour, minute, milli) = (millis / 3_600_000, millis / 60_000 % 60, millis % 60_000);
        write!(
            out,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}.{:03}Z",
            milli / 1000,
            milli % 1000
        )
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// Days since 1970-01-01 to a Gregorian date: Howard Hinnant's `civil_from_days`, <https://howardhinnant.github.io/date_algorithms.html>.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// From `start` to `end`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    pub start: Timestamp,
    pub end: Timestamp,
}

impl TimeRange {
    pub const ALL: Self = Self { start: Timestamp::MIN, end: Timestamp::MAX };

    #[must_use]
    pub fn contains(self, at: Timestamp) -> bool {
        self.start <= at && at <= self.end
    }

    #[must_use]
    pub fn widened(self, seconds_before: i64, seconds_after: i64) -> Self {
        Self { start: self.start.plus_seconds(-seconds_before), end: self.end.plus_seconds(seconds_after) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_print_as_rfc_3339() {
        let check = |nanos, text: &str| assert_eq!(Timestamp::from_nanos(nanos).to_string(), text);
        check(0, "1970-01-01T00:00:00.000Z");
        check(1_795_231_696_763_000_000, "2026-11-21T03:28:16.763Z");
        check(-1_000_000, "1969-12-31T23:59:59.999Z");
        check(951_782_400_000_000_000, "2000-02-29T00:00:00.000Z");
    }
}
