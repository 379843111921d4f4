use crate::args::{Globals, Lines};
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::{json, render};

pub(super) fn run(lines: &Lines, globals: &Globals, console: &Console) -> Result<Exit, Failure> {
    let engine = super::open_for(globals, Some(&lines.id.id))?;
    let passages = engine.lines(&lines.id.id, lines.context);
    super::tell_of_damage(engine, console);
    if passages.is_empty() {
        return Err(super::not_found(&lines.id));
    }
    let text = if console.json {
        json::passages(&passages)?
    } else {
        render::lines::lines(&passages, console.layout)
    };
    console.answer(&text)?;
    Ok(Exit::Answered)
}
