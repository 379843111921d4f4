//! How times, places, numbers and remedies are written, in text and in JSON alike.

use super::Layout;
use model::{Event, Id, IdKind, Outcome, Request, State, Summary, TimeRange, Timestamp};

/// `2026-11-21 03:28:16.763`, in UTC.
pub(crate) fn date_and_clock(at: Option<Timestamp>) -> String {
    let Some(at) = known(at) else { return "no time".to_owned() };
    at.to_string().trim_end_matches('Z').replacen('T', " ", 1)
}

/// `03:28:16.763`
pub(crate) fn clock(at: Option<Timestamp>) -> String {
    let Some(at) = known(at) else { return "no time".to_owned() };
    let text = at.to_string();
    text.split_once('T').map_or(text.as_str(), |(_, clock)| clock.trim_end_matches('Z')).to_owned()
}

/// `2026-11-21 03:28:16` and `03:28:42`; the end has its date when that is another day.
pub(crate) fn span_of_time(time: TimeRange) -> (String, String) {
    let second = |at| {
        let text = date_and_clock(Some(at));
        text.split_once('.').map_or(text.as_str(), |(second, _)| second).to_owned()
    };
    let (start, end) = (second(time.start), second(time.end));
    match (start.split_once(' '), end.split_once(' ')) {
        (Some((day, _)), Some((same, clock))) if day == same => (start.clone(), clock.to_owned()),
        _ => (start, end),
    }
}

/// `MIN` stands for a time that no line tells.
fn known(at: Option<Timestamp>) -> Option<Timestamp> {
    at.filter(|at| *at != Timestamp::MIN)
}

/// `120 ms`, `39.1 s`, `12 min 4 s`, `3 h 20 min`
pub(crate) fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    if seconds < 0.9995 {
        return format!("{:.0} ms", seconds * 1000.0);
    }
    if seconds < 99.95 {
        return format!("{seconds:.1} s");
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and a float saturates"
    )]
    let whole = seconds.round() as u64;
    match whole {
        0..7200 => format!("{} min {} s", whole / 60, whole % 60),
        7200..172_800 => format!("{} h {} min", whole / 3600, whole / 60 % 60),
        _ => format!("{} d {} h", whole / 86_400, whole / 3600 % 24),
    }
}

/// `181,320`
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 file`, `2 files`
pub(crate) fn many(number: u64, one: &str, more: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { more })
}

/// `neutron-server@controller`
pub(crate) fn program(daemon: Option<&str>, host: Option<&str>) -> String {
    match (daemon, host) {
        (Some(daemon), Some(host)) => format!("{daemon}@{host}"),
        (Some(daemon), None) => daemon.to_owned(),
        (None, Some(host)) => format!("?@{host}"),
        (None, None) => "unknown program".to_owned(),
    }
}

pub(crate) fn program_of(event: &Event) -> String {
    program(event.daemon.as_deref().or(event.service.as_deref()), event.host.as_deref())
}

/// `controller/nova/nova-api.log:2418`
pub(crate) fn place(event: &Event) -> String {
    format!("{}:{}", event.source.path, event.line)
}

/// As OpenStack writes it, so that it can be pasted anywhere.
pub(crate) fn request_id(id: &Id) -> String {
    match id {
        Id::Uuid(uuid) => format!("req-{uuid}"),
        Id::Name(name) => name.to_string(),
    }
}

/// The beginning of an id that stands in full nearby.
pub(crate) fn short(id: &Id, layout: Layout) -> String {
    let text = id.to_string();
    match (id, text.get(..8)) {
        (Id::Uuid(_), Some(head)) => format!("{head}{}", layout.sign("…", "~")),
        _ => text,
    }
}

pub(crate) const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::Failed => "failed",
        Outcome::Unfinished => "unfinished",
    }
}

/// How a request ended, as far as is known.
pub(crate) const fn ending(summary: &Summary) -> &'static str {
    match summary.state {
        State::Stuck => "stuck",
        State::Open | State::Settled => outcome(summary.outcome),
    }
}

#[expect(clippy::cast_precision_loss, reason = "megabytes for people")]
pub(crate) fn bytes(number: u64) -> String {
    format!("{:.1} MB", number as f64 / 1e6)
}

/// `boot of 4f3a5566…`
pub(crate) fn subject(request: &Request, layout: Layout) -> String {
    let action = if request.action.is_empty() { "request" } else { &request.action };
    let instances = || request.resources.iter().filter(|mention| mention.kind == IdKind::Instance);
    match (instances().count(), instances().next().or_else(|| request.resources.first())) {
        (0 | 1, Some(resource)) => format!("{action} of {}", short(&resource.id, layout)),
        (several, Some(_)) => format!("{action} of {several} instances"),
        (_, None) => action.to_owned(),
    }
}

/// The steps of a remedy: its lines, and what `; ` parts in a line. A shell's loop or condition is one step.
pub(crate) fn steps(remedy: &str) -> Vec<&str> {
    let compound = |line: &str| line.contains("; do ") || line.contains("; then ");
    remedy
        .trim_end()
        .lines()
        .flat_map(|line| if compound(line) { vec![line] } else { line.split("; ").collect() })
        .collect()
}

/// A remedy with its placeholders filled. What a log line held may be pasted into a shell, so a value that a shell
/// would act on is quoted. A placeholder that nothing fills stays as it is.
pub(crate) fn filled(remedy: &str, captures: &[(String, String)]) -> String {
    let mut text = String::with_capacity(remedy.len());
    let mut rest = remedy;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let value = after.split_once('}').and_then(|(name, beyond)| {
            captures.iter().find(|(key, _)| key == name).map(|(_, value)| (value, beyond))
        });
        match value {
            Some((value, beyond)) => {
                text.push_str(&quoted(value));
                rest = beyond;
            }
            None => {
                text.push('{');
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

fn quoted(value: &str) -> String {
    let harmless = |letter: char| letter.is_alphanumeric() || "-_.:/@+,=%".contains(letter);
    if !value.is_empty() && value.chars().all(harmless) && !value.starts_with('-') {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_the_unit_that_fits() {
        let check = |seconds, text: &str| assert_eq!(duration(seconds), text);
        check(-1.0, "0 ms");
        check(0.12, "120 ms");
        check(0.9996, "1.0 s");
        check(39.12, "39.1 s");
        check(99.96, "1 min 40 s");
        check(7260.0, "2 h 1 min");
        check(180_000.0, "2 d 2 h");
    }

    #[test]
    fn a_span_of_time_names_its_day_once() {
        let check = |start, end, from: &str, to: &str| {
            let at = |seconds: i64| Timestamp::from_nanos(seconds * 1_000_000_000);
            assert_eq!(
                span_of_time(TimeRange { start: at(start), end: at(end) }),
                (from.to_owned(), to.to_owned())
            );
        };
        check(1_795_231_696, 1_795_231_722, "2026-11-21 03:28:16", "03:28:42");
        check(86_399, 86_400, "1970-01-01 23:59:59", "1970-01-02 00:00:00");
        check(i64::MIN / 1_000_000_000, 0, "1677-09-21 00:12:44", "1970-01-01 00:00:00");
        assert_eq!(clock(Some(Timestamp::MIN)), "no time");
    }

    #[test]
    fn numbers_are_grouped() {
        let check = |number, text: &str| assert_eq!(count(number), text);
        check(0, "0");
        check(999, "999");
        check(181_320, "181,320");
        check(1_000_000, "1,000,000");
    }

    #[test]
    fn a_remedy_is_told_step_by_step() {
        let check = |remedy: &str, expected: &[&str]| assert_eq!(steps(remedy), expected);
        check(
            "nova-manage placement audit; take a smaller flavor",
            &["nova-manage placement audit", "take a smaller flavor"],
        );
        check("Free addresses:\n  openstack port list\n", &["Free addresses:", "  openstack port list"]);
        check("for id in 1 2; do echo $id; done", &["for id in 1 2; do echo $id; done"]);
    }

    #[test]
    fn remedies_are_filled_with_what_the_line_held() {
        let captures = [
            ("network", "9d1e77aa"),
            ("name", "it's; rm -rf /"),
            ("option", "--all"),
            ("brace", "{network}"),
        ];
        let captures = captures.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let check = |remedy: &str, text: &str| assert_eq!(filled(remedy, &captures), text);
        check("openstack network show {network}", "openstack network show 9d1e77aa");
        check("{network}{network}", "9d1e77aa9d1e77aa");
        check("show {name}", "show 'it'\\''s; rm -rf /'");
        check("list {option}", "list '--all'");
        check("unknown {host}, open {, ${HOME}", "unknown {host}, open {, ${HOME}");
        check("{brace}", "'{network}'");
    }
}
