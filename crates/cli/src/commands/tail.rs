use std::ops::ControlFlow;

use crate::args::{Globals, Tail};
use crate::console::Console;
use crate::engine::{Engine, Expression, Passage, Question};
use crate::exit::{Exit, Failure};
use crate::{json, render};

pub(super) fn run(tail: &Tail, globals: &Globals, console: &Console) -> Result<Exit, Failure> {
    let engine = super::open(globals)?;
    let expression = match tail.query.join(" ") {
        query if query.trim().is_empty() => Expression::All(Vec::new()),
        query => engine.expression(&query, super::now())?,
    };
    // Before the last lines are looked for: what comes meanwhile is shown.
    let mut lines = engine.new_lines();
    show(&last_lines(engine, &expression, tail.last), console)?;
    super::tell_of_writer(globals, console)?;
    super::look_often(console, || {
        let Some(found) = engine.lines_since(&mut lines, &expression)? else {
            return Ok(ControlFlow::Break(()));
        };
        show(&found, console)?;
        Ok(ControlFlow::Continue(()))
    })
}

/// The oldest first.
fn last_lines(engine: &Engine, expression: &Expression, last: usize) -> Vec<Passage> {
    let keep_going = super::within(Some(super::USUAL_PATIENCE));
    let question = Question { expression, after: None, limit: last, keep_going: &keep_going };
    let mut found = if last > 0 { engine.search(question).passages } else { Vec::new() };
    found.reverse();
    found
}

fn show(passages: &[Passage], console: &Console) -> Result<(), Failure> {
    if console.json {
        console.answer(&json::passages(passages)?)
    } else {
        console.answer(&render::lines::lines(passages, console.layout))
    }
}
