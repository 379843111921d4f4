use crate::args::{Errors, Globals};
use crate::console::Console;
use crate::engine::ErrorQuestion;
use crate::exit::{Exit, Failure};
use crate::{json, render};

pub(super) fn run(errors: &Errors, globals: &Globals, console: &Console) -> Result<Exit, Failure> {
    let engine = super::open(globals)?;
    let question = ErrorQuestion {
        range: errors.stretch.range(super::now()),
        level: errors.level.0,
        service: errors.service.clone(),
        new: errors.new,
        limit: super::limit(errors.limit),
    };
    let (patterns, all) = engine.errors(&question);
    super::tell_of_damage(engine, console);
    if console.json {
        console.answer(&json::patterns(&patterns)?)?;
    } else if patterns.is_empty() {
        console.remark("no pattern fits\n");
    } else {
        console.answer(&render::errors::errors(&patterns, console.layout))?;
    }
    if patterns.len() < all {
        console.remark(&format!("the {} most frequent of {all} patterns; -n 0 prints all\n", patterns.len()));
    }
    Ok(Exit::Answered)
}
