//! Requests and their answers, as API services log them in the message of an oslo.log line.

use model::Exchange;

const METHODS: [&str; 9] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "COPY", "PROPFIND"];

/// What an access line says; `None` for any other message.
pub(crate) fn read(body: &str) -> Option<Exchange> {
    quoted(body).or_else(|| bare(body)).or_else(|| returned(body)).or_else(|| dashed(body))
}

/// `10.0.0.11 "GET /v2.1/servers HTTP/1.1" status: 200  len: 15 time: 0.0123`: nova, neutron, placement.
/// `10.0.0.11 - - [21/Nov/2026 03:16:34] "GET / HTTP/1.1" 300 1725 0.005044`: eventlet.
fn quoted(body: &str) -> Option<Exchange> {
    let (before, rest) = body.split_once('"')?;
    let (request, after) = rest.split_once('"')?;
    let (method, target) = request_line(request)?;
    let client = before.strip_prefix("Starting request: ").unwrap_or(before);
    let client = client.split([' ', ',']).next().filter(|client| !client.is_empty())?;
    let (status, seconds) = if before.ends_with("] ") { in_columns(after) } else { labelled(after) };
    Some(Exchange {
        method: method.to_owned(),
        target: target.to_owned(),
        status,
        seconds,
        client: Some(client.to_owned()),
        action: None,
    })
}

/// `GET /v2.1/servers HTTP/1.1`, without the version too.
fn request_line(text: &str) -> Option<(&str, &str)> {
    let (method, rest) = text.split_once(' ')?;
    let target = rest.rsplit_once(" HTTP/").map_or(rest, |(target, _)| target);
    METHODS.contains(&method).then_some((method, target))
}

/// ` status: 200  len: 15 microversion: 2.1 time: 0.0123`
fn labelled(text: &str) -> (Option<u16>, Option<f64>) {
    let value = |label| {
        let mut words = text.split_ascii_whitespace().skip_while(|word| *word != label);
        words.nth(1)
    };
    (
        value("status:").and_then(|status| status.parse().ok()),
        value("time:").and_then(|time| time.parse().ok()),
    )
}

/// ` 300 1725 0.005044`
fn in_columns(text: &str) -> (Option<u16>, Option<f64>) {
    let mut columns = text.split_ascii_whitespace();
    let status = columns.next().and_then(|status| status.parse().ok());
    (status, columns.nth(1).and_then(|time| time.parse().ok()))
}

/// `POST http://10.0.0.11:8776/v3/…/volumes`: cinder and keystone, when the request comes in.
fn bare(body: &str) -> Option<Exchange> {
    let (method, target) = request_line(body)?;
    let is_target =
        target.starts_with("http://") || target.starts_with("https://") || target.starts_with('/');
    (is_target && !target.contains(' ')).then(|| exchange(method, target, None))
}

/// `http://10.0.0.11:8776/v3/…/volumes returned with HTTP 202`: cinder, when it answers. The method was said before.
fn returned(body: &str) -> Option<Exchange> {
    let (target, status) = body.split_once(" returned with HTTP ")?;
    // neutron says so at DEBUG, where oslo.log appends the place in the code.
    let status = status.split(' ').next()?.trim_end().parse().ok()?;
    (!target.contains(' ')).then(|| exchange("", target, Some(status)))
}

/// `10.0.0.11 - GET /v1/nodes - 200 (12.34ms)`: ironic.
fn dashed(body: &str) -> Option<Exchange> {
    let mut parts = body.splitn(3, " - ");
    let (client, request, answer) = (parts.next()?, parts.next()?, parts.next()?);
    let (method, target) = request_line(request)?;
    let (status, duration) = answer.split_once(' ')?;
    let milliseconds = duration.strip_prefix('(')?.strip_suffix("ms)")?;
    Some(Exchange {
        seconds: Some(milliseconds.parse::<f64>().ok()? / 1_000.0),
        client: Some(client.to_owned()),
        ..exchange(method, target, Some(status.parse().ok()?))
    })
}

fn exchange(method: &str, target: &str, status: Option<u16>) -> Exchange {
    Exchange { method: method.to_owned(), target: target.to_owned(), status, ..Exchange::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_access_line_tells_its_exchange() {
        let check = |body: &str, expected: &str| {
            let exchange = read(body).map(|Exchange { method, target, status, seconds, client, .. }| {
                format!("{method} {target} {status:?} {seconds:?} {}", client.as_deref().unwrap_or("~"))
            });
            assert_eq!(exchange.as_deref().unwrap_or("no access"), expected, "{body}");
        };
        check(
            r#"10.0.0.24 "GET /v2/cc31/servers/detail HTTP/1.1" status: 200 len: 2417 time: 0.0436199"#,
            "GET /v2/cc31/servers/detail Some(200) Some(0.0436199) 10.0.0.24",
        );
        check(
            r#"10.0.0.1,10.0.0.2 "POST /v2.0/ports HTTP/1.1" status: 409  len: 364 time: 0.5"#,
            "POST /v2.0/ports Some(409) Some(0.5) 10.0.0.1",
        );
        check(
            r#"10.0.0.11 "GET /allocations/5a94" status: 200 len: 134 microversion: 1.36"#,
            "GET /allocations/5a94 Some(200) None 10.0.0.11",
        );
        check(
            r#"Starting request: 10.0.0.11 "GET /allocations/5a94""#,
            "GET /allocations/5a94 None None 10.0.0.11",
        );
        check(
            r#"10.0.0.11 - - [21/Nov/2026 03:16:34] "GET /v2/images/a%20b HTTP/1.1" 404 369 0.108015"#,
            "GET /v2/images/a%20b Some(404) Some(0.108015) 10.0.0.11",
        );
        check(
            "GET http://10.0.0.11:8776/v3/cc31/volumes?limit=1",
            "GET http://10.0.0.11:8776/v3/cc31/volumes?limit=1 None None ~",
        );
        check(
            "http://10.0.0.11:8776/v3/cc31/os-services returned with HTTP 200",
            " http://10.0.0.11:8776/v3/cc31/os-services Some(200) None ~",
        );
        check(
            "http://10.0.0.11:9696/v2.0/extensions returned with HTTP 200 __call__ /a/wsgi.py:730",
            " http://10.0.0.11:9696/v2.0/extensions Some(200) None ~",
        );
        check("10.0.0.11 - GET /v1/nodes - 200 (12.5ms)", "GET /v1/nodes Some(200) Some(0.0125) 10.0.0.11");
        check("GET call to glance for http://10.0.0.11:9292/v2/images used request id req-7", "no access");
        check("(12815) wsgi starting up on http://10.0.0.11:9292", "no access");
        check(r#"said "hello" to all"#, "no access");
        check("", "no access");
    }
}
