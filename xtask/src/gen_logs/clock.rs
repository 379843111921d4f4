//! The ways in which the daemons write a moment, read and written to the second.
//!
//! Times are shifted by whole seconds, so that fractions stay as they were recorded.

/// 2026-11-21T00:00:00Z, the day of the recording, in Unix seconds. All seconds here count from it.
pub(super) const DAY: i64 = 1_795_219_200;

const SECONDS_A_DAY: i64 = 86_400;
const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
const WEEKDAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// `2026-11-21 03:15:20`
    Spaced,
    /// `2026-11-21T03:15:20`
    Iso,
    /// `2026-11-21  3:15:20`, of MariaDB's error log.
    Padded,
    /// `261121  3:15:20`, of MariaDB's slow log.
    Short,
    /// `21/Nov/2026 03:15:20`
    Access,
    /// `Sat Nov 21 03:15:20 2026`
    Ctime,
    /// `Sat, 21 Nov 2026 03:15:20`
    Http,
    /// `2026, 11, 21, 3, 15, 20`, inside `datetime.datetime(…)`.
    Python,
    /// `1795230920`
    Epoch,
}

/// What stands for a digit, a month, or a weekday of the recording: each format as its one recorded shape.
const SHAPES: [(Format, &[u8]); 8] = [
    (Format::Spaced, b"2026-11-2D HH:MM:SS"),
    (Format::Iso, b"2026-11-2DTHH:MM:SS"),
    (Format::Padded, b"2026-11-2D  H:MM:SS"),
    (Format::Short, b"26112D HH:MM:SS"),
    (Format::Short, b"26112D  H:MM:SS"),
    (Format::Access, b"2D/Nov/2026 HH:MM:SS"),
    (Format::Ctime, b"www Nov 2D HH:MM:SS 2026"),
    (Format::Http, b"www, 2D Nov 2026 HH:MM:SS"),
];

/// The format, the second and the length of the moment with which `text` begins.
pub(super) fn read(text: &[u8]) -> Option<(Format, i32, usize)> {
    match text.first()? {
        b'2' | b'S' | b'F' => SHAPES
            .iter()
            .find_map(|(format, shape)| Some((*format, read_shape(text, shape)?, shape.len())))
            .or_else(|| read_python(text)),
        b'1' => read_epoch(text),
        _ => None,
    }
}

fn read_shape(text: &[u8], shape: &[u8]) -> Option<i32> {
    let (mut day, mut hour, mut minute, mut second) = (20, 0, 0, 0);
    for (expected, found) in shape.iter().zip(text.get(..shape.len())?) {
        let field = match expected {
            b'D' => &mut day,
            b'H' => &mut hour,
            b'M' => &mut minute,
            b'S' => &mut second,
            b'w' if found.is_ascii_alphabetic() => continue,
            literal if literal == found => continue,
            _ => return None,
        };
        let digit = i32::from(found.is_ascii_digit().then(|| found - b'0')?);
        *field = if *expected == b'D' { *field + digit } else { *field * 10 + digit };
    }
    Some((day - 21) * 86_400 + hour * 3_600 + minute * 60 + second)
}

fn read_python(text: &[u8]) -> Option<(Format, i32, usize)> {
    const DATE: &[u8] = b"2026, 11, 2";
    let rest = text.strip_prefix(DATE)?;
    let mut fields = [0_i32; 4];
    let mut at = 0;
    for (index, field) in fields.iter_mut().enumerate() {
        let digits = rest.get(at..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
        for digit in rest.get(at..at + digits).filter(|digits| (1..=2).contains(&digits.len()))? {
            *field = *field * 10 + i32::from(digit - b'0');
        }
        at += digits;
        if index < 3 {
            at += rest.get(at..)?.starts_with(b", ").then_some(2)?;
        }
    }
    let [day, hour, minute, second] = fields;
    Some((Format::Python, (day - 1) * 86_400 + hour * 3_600 + minute * 60 + second, DATE.len() + at))
}

/// Only what lies within hours of the recording: other numbers of ten digits are sizes and serials.
fn read_epoch(text: &[u8]) -> Option<(Format, i32, usize)> {
    let digits = text.get(..10).filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
    if text.get(10).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let number = digits.iter().fold(0_i64, |number, digit| number * 10 + i64::from(digit - b'0'));
    let second = number - DAY;
    (0..SECONDS_A_DAY).contains(&second).then_some((Format::Epoch, i32::try_from(second).ok()?, 10))
}

/// Writes moments, most of which lie on the same day as the one before.
#[derive(Debug)]
pub(super) struct Clock {
    day: i64,
    year: i64,
    month: usize,
    day_of_month: u8,
    date: [u8; 10],
}

impl Clock {
    pub(super) fn new() -> Self {
        let mut clock = Self { day: 0, year: 0, month: 1, day_of_month: 1, date: *b"0000-00-00" };
        clock.turn_to(DAY / SECONDS_A_DAY);
        clock
    }

    pub(super) fn write(&mut self, format: Format, second: i64, out: &mut Vec<u8>) {
        let unix = DAY + second;
        let day = unix.div_euclid(SECONDS_A_DAY);
        if day != self.day {
            self.turn_to(day);
        }
        let time = unix.rem_euclid(SECONDS_A_DAY);
        let (hour, minute, second) = (small(time / 3_600), small(time / 60 % 60), small(time % 60));
        match format {
            Format::Spaced => {
                out.extend_from_slice(&self.date);
                out.push(b' ');
                write_time(hour, minute, second, out);
            }
            Format::Iso => {
                out.extend_from_slice(&self.date);
                out.push(b'T');
                write_time(hour, minute, second, out);
            }
            Format::Padded => {
                out.extend_from_slice(&self.date);
                out.push(b' ');
                write_padded_time(hour, minute, second, out);
            }
            Format::Short => {
                let [_, _, y1, y2, _, m1, m2, _, d1, d2] = self.date;
                out.extend_from_slice(&[y1, y2, m1, m2, d1, d2, b' ']);
                write_padded_time(hour, minute, second, out);
            }
            Format::Access => {
                write_two(self.day_of_month, out);
                out.push(b'/');
                out.extend_from_slice(MONTHS[self.month - 1]);
                out.push(b'/');
                self.write_year(out);
                out.push(b' ');
                write_time(hour, minute, second, out);
            }
            Format::Ctime => {
                out.extend_from_slice(self.weekday());
                out.push(b' ');
                out.extend_from_slice(MONTHS[self.month - 1]);
                out.push(b' ');
                write_two(self.day_of_month, out);
                out.push(b' ');
                write_time(hour, minute, second, out);
                out.push(b' ');
                self.write_year(out);
            }
            Format::Http => {
                out.extend_from_slice(self.weekday());
                out.extend_from_slice(b", ");
                write_two(self.day_of_month, out);
                out.push(b' ');
                out.extend_from_slice(MONTHS[self.month - 1]);
                out.push(b' ');
                self.write_year(out);
                out.push(b' ');
                write_time(hour, minute, second, out);
            }
            Format::Python => {
                let (year, month, day) = (self.year, self.month, self.day_of_month);
                let text = format!("{year}, {month}, {day}, {hour}, {minute}, {second}");
                out.extend_from_slice(text.as_bytes());
            }
            Format::Epoch => out.extend_from_slice(unix.to_string().as_bytes()),
        }
    }

    fn turn_to(&mut self, day: i64) {
        // Days since 0000-03-01, so that the leap day ends a year (Howard Hinnant's `civil_from_days`).
        let shifted = day + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        self.day = day;
        self.year = era * 400 + year_of_era + i64::from(month <= 2);
        self.month = usize::from(small(month));
        self.day_of_month = small(day_of_year - (153 * shifted_month + 2) / 5 + 1);
        let date = format!("{:04}-{month:02}-{:02}", self.year, self.day_of_month);
        self.date.copy_from_slice(&date.as_bytes()[..10]);
    }

    fn weekday(&self) -> &'static [u8; 3] {
        WEEKDAYS[usize::from(small(self.day.rem_euclid(7)))]
    }

    fn write_year(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.date[..4]);
    }
}

fn small(value: i64) -> u8 {
    u8::try_from(value).expect("a field of a date is below 100")
}

fn write_two(value: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'0' + value / 10, b'0' + value % 10]);
}

fn write_time(hour: u8, minute: u8, second: u8, out: &mut Vec<u8>) {
    let two = |value: u8| (b'0' + value / 10, b'0' + value % 10);
    let ((h1, h2), (m1, m2), (s1, s2)) = (two(hour), two(minute), two(second));
    out.extend_from_slice(&[h1, h2, b':', m1, m2, b':', s1, s2]);
}

fn write_padded_time(hour: u8, minute: u8, second: u8, out: &mut Vec<u8>) {
    let start = out.len();
    write_time(hour, minute, second, out);
    if hour < 10 {
        out[start] = b' ';
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(recorded: &str, second: i32, a_day_and_ten_hours_later: &str) {
        let (format, read, length) = read(recorded.as_bytes()).unwrap();
        assert_eq!((read, length), (second, recorded.len()), "{recorded}");
        for (shift, expected) in [(0, recorded), (34 * 3_600, a_day_and_ten_hours_later)] {
            let mut out = Vec::new();
            Clock::new().write(format, i64::from(second) + shift, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn a_moment_keeps_its_shape() {
        let second = 3 * 3_600 + 5 * 60 + 9;
        check("2026-11-21 03:05:09", second, "2026-11-22 13:05:09");
        check("2026-11-21T03:05:09", second, "2026-11-22T13:05:09");
        check("2026-11-21  3:05:09", second, "2026-11-22 13:05:09");
        check("261121  3:05:09", second, "261122 13:05:09");
        check("21/Nov/2026 03:05:09", second, "22/Nov/2026 13:05:09");
        check("Sat Nov 21 03:05:09 2026", second, "Sun Nov 22 13:05:09 2026");
        check("Sat, 21 Nov 2026 03:05:09", second, "Sun, 22 Nov 2026 13:05:09");
        check("2026, 11, 21, 3, 5, 9", second, "2026, 11, 22, 13, 5, 9");
        check("1795230309", second, "1795352709");
    }

    #[test]
    fn other_numbers_are_no_moments() {
        for text in ["2026-11-21", "2026-10-21 03:05:09", "1234567890", "17952303091", "2026, 11, 21, 3, 5"] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
    }
}
