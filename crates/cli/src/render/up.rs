//! What `culprit up` says of itself.

use pipeline::LiveReport;

use super::words;

pub(crate) fn ready(addresses: &[String]) -> String {
    let listening: String = addresses.iter().map(|address| format!("; syslog at {address}")).collect();
    format!("watching{listening}; Ctrl-C ends\n")
}

pub(crate) fn end(report: &LiveReport) -> String {
    format!(
        "stored {}; {}\n",
        words::many(report.lines, "line", "lines"),
        match report.failures {
            0 => "no request failed".to_owned(),
            failures => format!("{} failed", words::many(failures, "request", "requests")),
        }
    )
}
