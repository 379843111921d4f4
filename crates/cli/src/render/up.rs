//! What `culprit up` says of itself.

use pipeline::{AgentStatus, LiveReport};

use super::words;

pub(crate) fn ready(addresses: &[String]) -> String {
    let listening: String = addresses.iter().map(|address| format!("; {address}")).collect();
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

pub(crate) fn end_of_agent(status: &AgentStatus) -> String {
    let rest = match status.oldest_unsent {
        None => String::new(),
        Some(_) => format!("; {} wait on the disk for the next start", words::bytes(status.spool_bytes)),
    };
    format!("took {}, sent {}{rest}\n", words::many(status.lines, "line", "lines"), status.sent)
}
