//! The last resort before a plain line: an ISO time in front, perhaps in brackets, and perhaps a level word.
use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::take_while;
use nom::combinator::rest;

use model::Severity;

use super::written_time::{Read, bracketed, iso};
use crate::header::Header;

/// How many words after the time may come before the level: a process id, a thread, a logger.
const LEVEL_WITHIN: usize = 3;

pub(crate) fn read(text: &str) -> Option<Header<'_>> {
    line(text).ok().map(|(_, header)| header)
}

fn line(text: &str) -> Read<'_, Header<'_>> {
    let separators = take_while(|c: char| c.is_whitespace() || ":|,;-".contains(c));
    let (text, (stamp, _, body)) = (alt((iso, bracketed(iso))), separators, rest).parse(text)?;
    let severity = body.split_whitespace().take(LEVEL_WITHIN).find_map(level).unwrap_or_default();
    Ok((text, Header { stamp, severity, body: body.into(), ..Header::default() }))
}

/// `[error]`, `ERROR:`, `(warn)`, `level=info`; in prose a level word is lower case and stands bare.
fn level(word: &str) -> Option<Severity> {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
    let bare = bare.strip_prefix("level=").unwrap_or(bare);
    let marked = bare.len() != word.len() || bare.chars().all(char::is_uppercase);
    marked.then(|| Severity::parse(bare)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::check;

    #[test]
    fn a_time_and_perhaps_a_level() {
        check(
            read,
            "2026-11-21T03:14:18Z error in line 3",
            "2026-11-21T03:14:18.000Z UNSPECIFIED | error in line 3",
        );
        check(
            read,
            "2026-11-21 03:14:18,123 [error] boom",
            "2026-11-21T03:14:18.123 local ERROR | [error] boom",
        );
        check(read, "[2026-11-21 03:14:18] 17 WARN x", "2026-11-21T03:14:18.000 local WARNING | 17 WARN x");
        check(
            read,
            "2026-11-21T03:14:18+01:00 level=info msg=x",
            "2026-11-21T02:14:18.000Z INFO | level=info msg=x",
        );
        check(
            read,
            "[2026-11-21 03:14:20 +0100] [41] [CRITICAL] WORKER TIMEOUT (pid:43)",
            "2026-11-21T02:14:20.000Z CRITICAL | [41] [CRITICAL] WORKER TIMEOUT (pid:43)",
        );
        check(read, "2026-11-21", "");
        check(read, "x 2026-11-21 03:14:18", "");
    }
}
