//! What a configuration means.

use std::path::Path;

use super::style::{DIM, PLAIN, STRONG};
use super::{Layout, Row, Screen, words};
use crate::engine::{LiveOptions, Sources};

pub(crate) fn sound(file: &Path, options: &LiveOptions, sources: &Sources, layout: Layout) -> String {
    let mut screen = Screen::new(layout);
    screen.row(Row::new().put(STRONG, file.display().to_string()).put(PLAIN, " is sound"));
    let mut told = |what: &str, values: Vec<String>| {
        for (place, value) in values.into_iter().enumerate() {
            let title = if place == 0 { what } else { "" };
            screen.row(Row::new().put(DIM, format!("  {title:<8} ")).text(value));
        }
    };
    told("host", options.host.iter().cloned().collect());
    told("files", sources.files.iter().flat_map(|files| files.patterns.clone()).collect());
    told("journal", sources.journal.iter().map(|journal| format!("of {}", journal.host)).collect());
    let syslog = sources.syslog.iter().flat_map(|syslog| [("udp", syslog.udp), ("tcp", syslog.tcp)]);
    told("syslog", syslog.filter_map(|(kind, address)| Some(format!("{kind} {}", address?))).collect());
    told("listen", sources.http.iter().map(|http| format!("http {}", http.doors.address)).collect());
    told("", sources.forward.iter().map(|forward| format!("forward {}", forward.address)).collect());
    told("brokers", sources.brokers.iter().map(|broker| broker.name.clone()).collect());
    let keep = [
        options.keep.days.map(|days| words::many(days.into(), "day", "days")),
        options.keep.most_bytes.map(|bytes| format!("{} on the disk", words::bytes(bytes))),
    ];
    told("keep", keep.into_iter().flatten().collect());
    screen.finish()
}
