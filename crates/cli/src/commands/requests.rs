use crate::args::{Globals, Requests};
use crate::console::Console;
use crate::engine::RequestFilter;
use crate::exit::{Exit, Failure};
use crate::{json, render};

pub(super) fn run(requests: &Requests, globals: &Globals, console: &Console) -> Result<Exit, Failure> {
    let filter = RequestFilter {
        failed: requests.failed,
        since: requests.since.as_ref().map(|since| since.at(super::now())),
        after: requests.after.clone().map(|after| after.0),
        limit: super::limit(requests.limit),
    };
    let engine = super::open(globals)?;
    let page = engine.requests(&filter);
    super::tell_of_damage(engine, console);
    if console.json {
        console.answer(&json::requests(&page.requests)?)?;
    } else if page.requests.is_empty() {
        console.remark("no request fits\n");
    } else {
        console.answer(&render::requests::requests(&page.requests, console.layout))?;
    }
    if let Some(next) = page.next {
        super::tell_of_more(page.requests.len(), "requests", &next.to_string(), console);
    }
    Ok(Exit::Answered)
}
