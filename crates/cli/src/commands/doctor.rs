use crate::args::Globals;
use crate::console::Console;
use crate::engine;
use crate::exit::{Exit, Failure};
use crate::{json, render};

pub(super) fn run(globals: &Globals, console: &Console) -> Result<Exit, Failure> {
    let store = super::store(globals)?;
    let health = {
        let (_bar, mut advance) = console.checking();
        engine::examine(&store, &mut advance)?
    };
    let text =
        if console.json { json::health(&health)? } else { render::doctor::doctor(&health, console.layout) };
    console.answer(&text)?;
    Ok(if health.damage.is_empty() { Exit::Answered } else { Exit::Data })
}
