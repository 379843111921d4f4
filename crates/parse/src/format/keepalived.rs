//! keepalived's own log file: `Sat Nov 21 03:14:18 2026: (VI_1) Entering MASTER STATE`. Through syslog only the text
//! after the colon arrives, which needs no format.
use nom::Parser;
use nom::bytes::complete::tag;
use nom::combinator::rest;
use nom::sequence::terminated;

use super::written_time::{Read, ctime};
use crate::header::Header;

pub(crate) fn read(text: &str) -> Option<Header<'_>> {
    line(text).ok().map(|(_, header)| header)
}

fn line(text: &str) -> Read<'_, Header<'_>> {
    let (text, (stamp, body)) = (terminated(ctime, tag(": ")), rest).parse(text)?;
    Ok((text, Header { stamp, body: body.into(), ..Header::default() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::check;

    #[test]
    fn state_changes() {
        check(
            read,
            "Sat Nov 21 03:14:18 2026: (VI_1) Entering MASTER STATE",
            "2026-11-21T03:14:18.000 local UNSPECIFIED | (VI_1) Entering MASTER STATE",
        );
        check(read, "Sat Nov 21 03:55:37 2026 - SIGPIPE", "");
    }
}
