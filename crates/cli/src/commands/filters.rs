use crate::args::{Filters, Globals};
use crate::console::Console;
use crate::engine;
use crate::exit::{Exit, Failure};
use crate::{json, render};

pub(super) fn run(filters: Filters, globals: &Globals, console: &Console) -> Result<Exit, Failure> {
    let Filters::Check { dir } = filters;
    let report = engine::check_filters(dir.or_else(|| globals.filters.clone()).as_deref())?;
    let text = if console.json {
        json::filters(&report)?
    } else {
        render::filters::filters(&report, console.layout)
    };
    console.answer(&text)?;
    Ok(if report.findings.is_empty() { Exit::Answered } else { Exit::Data })
}
