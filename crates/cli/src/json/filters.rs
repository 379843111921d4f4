//! What is wrong with filters: a row for each entry, none when all is well.

use serde::Serialize;

use super::rows;
use crate::engine::FilterReport;
use crate::exit::Failure;

#[derive(Serialize)]
struct FindingRow<'a> {
    file: &'a str,
    line: usize,
    what: &'a str,
}

pub(crate) fn filters(report: &FilterReport) -> Result<String, Failure> {
    let row = |finding| {
        let &parse::Finding { ref file, line, ref what } = finding;
        FindingRow { file, line, what }
    };
    rows(report.findings.iter().map(row))
}
