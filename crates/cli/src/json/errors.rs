use std::collections::BTreeSet;

use serde::Serialize;

use super::rows;
use super::verdict::rfc_3339;
use crate::engine::ErrorPattern;
use crate::exit::Failure;

#[derive(Serialize)]
struct PatternRow<'a> {
    template: String,
    text: Option<&'a str>,
    severity_number: u8,
    severity_text: &'static str,
    count: u64,
    first: Option<String>,
    last: Option<String>,
    services: &'a BTreeSet<String>,
    hosts: &'a BTreeSet<String>,
    example: Option<Example<'a>>,
    exception: Option<&'a str>,
    signature: Option<&'a str>,
    new: bool,
}

#[derive(Serialize)]
struct Example<'a> {
    file: &'a str,
    line: u64,
}

pub(crate) fn patterns(patterns: &[ErrorPattern]) -> Result<String, Failure> {
    rows(patterns.iter().map(|pattern| PatternRow {
        template: pattern.template.to_string(),
        text: pattern.text.as_deref(),
        severity_number: pattern.severity.number(),
        severity_text: pattern.severity.name(),
        count: pattern.count,
        first: rfc_3339(Some(pattern.first)),
        last: rfc_3339(Some(pattern.last)),
        services: &pattern.services,
        hosts: &pattern.hosts,
        example: pattern.example.as_ref().map(|(file, line)| Example { file, line: *line }),
        exception: pattern.exception.as_deref(),
        signature: pattern.signature.as_deref(),
        new: pattern.new,
    }))
}
