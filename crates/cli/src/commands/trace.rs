use crate::args::{AskedId, Globals, Trace};
use crate::console::Console;
use crate::engine::Engine;
use crate::exit::{Exit, Failure};
use crate::{json, render};

pub(super) fn run(trace: &Trace, globals: &Globals, console: &Console) -> Result<Exit, Failure> {
    answer(&trace.id, super::open_for(globals, Some(&trace.id.id))?, console)
}

pub(super) fn answer(asked: &AskedId, engine: &Engine, console: &Console) -> Result<Exit, Failure> {
    let case = match super::case_of(asked, engine, console)? {
        Ok(case) => case,
        Err(exit) => return Ok(exit),
    };
    let text = if console.json { json::trace(&case)? } else { render::trace::trace(&case, console.layout) };
    console.answer(&text)?;
    Ok(Exit::Answered)
}
