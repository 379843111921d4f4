use crate::args::{Globals, Retain};
use crate::console::Console;
use crate::engine;
use crate::exit::{Exit, Failure};
use crate::{json, render};

const SECONDS_A_DAY: i64 = 86_400;

pub(super) fn run(retain: &Retain, globals: &Globals, console: &Console) -> Result<Exit, Failure> {
    let store = super::store(globals)?;
    let oldest = retain.days.map(|days| super::now().plus_seconds(-i64::from(days) * SECONDS_A_DAY));
    let most_bytes = retain.max_bytes.map(|bytes| bytes.0);
    let dropped = engine::retain(&store, oldest, most_bytes, retain.dry_run)?;
    if console.json {
        console.answer(&json::dropped(dropped, retain.dry_run)?)?;
    } else {
        console.answer(&render::doctor::dropped(dropped, retain.dry_run, console.layout))?;
    }
    Ok(Exit::Answered)
}
