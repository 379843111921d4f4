//! Swift's proxy server: 23 fields between blanks, each URL-encoded, as they stand after the syslog header. Ids of
//! transactions are `tx…`. The storage nodes write access lines like Apache's.
use nom::Parser;
use nom::bytes::complete::{is_not, tag};
use nom::combinator::rest;
use nom::sequence::preceded;

use model::Exchange;

use super::written_time::{Read, all_slashes, number, word};
use crate::header::Header;

pub(crate) fn read(text: &str) -> Option<Header<'_>> {
    line(text).ok().map(|(_, header)| header)
}

/// `client_ip remote_addr 21/Nov/2026/03/14/18 GET /v1/AUTH_a/c/o HTTP/1.0 200 referer …`
fn line(text: &str) -> Read<'_, Header<'_>> {
    let field = || word(is_not(" "));
    let (text, (client, _, stamp)) = (field(), field(), word(all_slashes)).parse(text)?;
    let (_, (method, target, _, status, others)) =
        (field(), field(), preceded(tag("HTTP/"), field()), word(number), rest).parse(text)?;
    let exchange = Exchange {
        method: method.to_owned(),
        target: target.to_owned(),
        status: status.try_into().ok(),
        seconds: seconds(others),
        client: Some(client.to_owned()),
        action: None,
    };
    Ok(("", Header { stamp, body: text.into(), exchange: Some(exchange), ..Header::default() }))
}

/// `request_time` is the ninth field after the status.
fn seconds(fields: &str) -> Option<f64> {
    fields.split(' ').nth(8)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::check;

    #[test]
    fn proxy_requests() {
        check(
            read,
            "10.0.0.1 10.0.0.2 21/Nov/2026/03/14/18 GET /v1/AUTH_a/c/o HTTP/1.0 404 - curl/7 gAAA... - 70 - tx1d2f3-0054 - 0.0160 - - 1795231698.1 1795231698.2 0 -",
            "2026-11-21T03:14:18.000Z UNSPECIFIED 10.0.0.1 GET /v1/AUTH_a/c/o Some(404) Some(0.016) | GET /v1/AUTH_a/c/o HTTP/1.0 404 - curl/7 gAAA... - 70 - tx1d2f3-0054 - 0.0160 - - 1795231698.1 1795231698.2 0 -",
        );
        check(read, "a b 21/Nov/2026/03/14/18 GET", "");
    }
}
