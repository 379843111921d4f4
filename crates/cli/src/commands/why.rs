use correlate::Case;
use model::Outcome;

use crate::args::{AskedId, Globals, Why};
use crate::console::Console;
use crate::engine::{Engine, ImportOptions, ImportReport};
use crate::exit::{Exit, Failure};
use crate::{json, render};

pub(super) fn run(why: Why, globals: &Globals, console: &Console) -> Result<Exit, Failure> {
    let (logs, asked) = why.logs_and_id().map_err(|message| {
        Failure::because(Exit::Usage, message)
            .advise("`culprit why --logs ./logs ID`, or `culprit why --help`")
    })?;
    if logs.is_empty() {
        return answer(&asked, super::open_for(globals, Some(&asked.id))?, console);
    }
    console.watch_for_interrupts();
    let folder = super::import::temporary_folder()?;
    let store = folder.path().join("store");
    let options = ImportOptions { paths: logs, ..ImportOptions::new(store.clone(), globals.filters.clone()) };
    let report = super::import::read(options, console)?;
    if report.interrupted {
        return Ok(Exit::Interrupted);
    }
    tell_what_is_missing(&report, console);
    let about = Some(&asked.id);
    let engine = Engine::open(&store, globals.filters.as_deref(), &globals.disable_signature, about)?;
    answer(&asked, &engine, console)
}

pub(super) fn answer(asked: &AskedId, engine: &Engine, console: &Console) -> Result<Exit, Failure> {
    let case = match super::case_of(asked, engine, console)? {
        Ok(case) => case,
        Err(exit) => return Ok(exit),
    };
    let text =
        if console.json { json::why(&asked.text, &case)? } else { render::why::why(&case, console.layout) };
    console.answer(&text)?;
    super::tell_of_damage(engine, console);
    Ok(end(&case))
}

/// An answer from half of the logs may be the wrong one.
fn tell_what_is_missing(report: &ImportReport, console: &Console) {
    for skipped in report.skipped.iter().filter(|skipped| skipped.failure) {
        let message = format!("`{}` was not read: {}", skipped.path, skipped.reason);
        console.warn(&message);
    }
}

pub(crate) fn end(case: &Case) -> Exit {
    let unexplained = case.verdict.outcome == Outcome::Failed && case.verdict.cause().is_none();
    if unexplained { Exit::NotLogged } else { Exit::Answered }
}
