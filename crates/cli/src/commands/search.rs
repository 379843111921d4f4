use crate::args::{Globals, Search};
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::{json, render};

pub(super) fn run(search: &Search, globals: &Globals, console: &Console) -> Result<Exit, Failure> {
    let limit = super::limit(search.limit);
    let engine = super::open(globals)?;
    let passages = engine.search(&search.query.join(" "), super::now(), limit)?;
    super::tell_of_damage(&engine, console);
    if console.json {
        console.answer(&json::passages(&passages)?)?;
    } else if passages.is_empty() {
        console.remark("no line fits\n");
    } else {
        console.answer(&render::lines::lines(&passages, console.layout))?;
        super::tell_of_limit(passages.len(), limit, "lines", console);
    }
    Ok(Exit::Answered)
}
