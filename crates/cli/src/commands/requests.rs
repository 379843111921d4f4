use crate::args::{Globals, Requests};
use crate::console::Console;
use crate::engine::RequestFilter;
use crate::exit::{Exit, Failure};
use crate::{json, render};

pub(super) fn run(requests: &Requests, globals: &Globals, console: &Console) -> Result<Exit, Failure> {
    let filter = RequestFilter {
        failed: requests.failed,
        since: requests.since.as_ref().map(|since| since.at(super::now())),
        limit: super::limit(requests.limit),
    };
    let engine = super::open(globals)?;
    let summaries = engine.requests(filter);
    super::tell_of_damage(&engine, console);
    if console.json {
        console.answer(&json::requests(&summaries)?)?;
    } else if summaries.is_empty() {
        console.remark("no request fits\n");
    } else {
        console.answer(&render::requests::requests(&summaries, console.layout))?;
        super::tell_of_limit(summaries.len(), filter.limit, "requests", console);
    }
    Ok(Exit::Answered)
}
