//! What is wrong with a folder of filters.

use super::style::{FAILURE, PLACE, SUCCESS};
use super::words;
use super::{Layout, Row, Screen};
use crate::engine::FilterReport;

pub(crate) fn filters(report: &FilterReport, layout: Layout) -> String {
    let mut screen = Screen::new(layout);
    for finding in &report.findings {
        let place = format!("{}:{}", finding.file, finding.line);
        screen.row(Row::new().put(PLACE, place).text(": ").text(&finding.what));
    }
    let signatures = words::many(report.signatures as u64, "signature", "signatures");
    let row = match report.findings.len() as u64 {
        0 => Row::new().put(SUCCESS, "good").text(format!("  {signatures}, every sample fits")),
        found => {
            let found = words::many(found, "entry needs", "entries need");
            Row::new().put(FAILURE, "bad").text(format!("   {signatures}, {found} a change"))
        }
    };
    screen.row(row);
    screen.finish()
}
