//! memcached with `-v`: no times, no levels; `<30 get key` comes in on connection 30, `>30 END` goes out.
use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::tag;
use nom::character::complete::{char, space1};

use super::written_time::{Read, number};
use crate::header::Header;

pub(crate) fn read(text: &str) -> Option<Header<'_>> {
    line(text).ok().map(|_| Header { body: text.into(), ..Header::default() })
}

fn line(text: &str) -> Read<'_, ()> {
    let traffic = (alt((char('<'), char('>'))), number, char(' ')).map(|_| ());
    let slab = (tag("slab class"), space1, number, tag(": chunk size ")).map(|_| ());
    let protocol = (number, tag(": Client using the ")).map(|_| ());
    alt((traffic, slab, protocol)).parse(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::check;

    #[test]
    fn traffic_and_slabs() {
        for line in [
            "<30 new auto-negotiating client connection",
            ">30 STORED",
            "30: Client using the ascii protocol",
            "slab class   1: chunk size        96 perslab   10922",
        ] {
            check(read, line, &format!("- UNSPECIFIED | {line}"));
        }
        check(read, "<30>Nov 21 03:14:18 host p: x", "");
        check(read, "<domain type='kvm'>", "");
    }
}
