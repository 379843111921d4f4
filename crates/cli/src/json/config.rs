use std::path::Path;

use serde::Serialize;

use super::row;
use crate::engine::{LiveOptions, Sources};
use crate::exit::Failure;

#[derive(Serialize)]
struct ConfigRow<'a> {
    file: String,
    sound: bool,
    host: Option<&'a str>,
    files: &'a [String],
    journal: bool,
    syslog_udp: Option<String>,
    syslog_tcp: Option<String>,
    listen_http: Option<String>,
    listen_forward: Option<String>,
    brokers: Vec<&'a str>,
    keep_days: Option<u32>,
    keep_bytes: Option<u64>,
}

/// What a configuration means. One that means nothing ends with an error instead.
pub(crate) fn config(file: &Path, options: &LiveOptions, sources: &Sources) -> Result<String, Failure> {
    let syslog = sources.syslog.as_ref();
    row(&ConfigRow {
        file: file.display().to_string(),
        sound: true,
        host: options.host.as_deref(),
        files: sources.files.as_ref().map_or(&[], |files| &files.patterns),
        journal: sources.journal.is_some(),
        syslog_udp: syslog.and_then(|syslog| syslog.udp).map(|address| address.to_string()),
        syslog_tcp: syslog.and_then(|syslog| syslog.tcp).map(|address| address.to_string()),
        listen_http: sources.http.as_ref().map(|http| http.doors.address.to_string()),
        listen_forward: sources.forward.as_ref().map(|forward| forward.address.to_string()),
        brokers: sources.brokers.iter().map(|broker| broker.name.as_str()).collect(),
        keep_days: options.keep.days,
        keep_bytes: options.keep.most_bytes,
    })
}
