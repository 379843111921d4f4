use model::{TimeRange, Timestamp};

use crate::args::{By, Count, Globals, Timeout};
use crate::console::Console;
use crate::engine::{CountBy, CountQuestion, Expression};
use crate::exit::{Exit, Failure};
use crate::render::words;
use crate::{json, render};

pub(super) fn run(count: &Count, globals: &Globals, console: &Console) -> Result<Exit, Failure> {
    let engine = super::open(globals)?;
    let now = super::now();
    let range = count.stretch.range(now);
    let everything = Expression::All(Vec::new());
    let asked = match count.query.is_empty() {
        true => everything,
        false => engine.expression(&count.query.join(" "), now)?,
    };
    let Timeout(patience) = count.patience.timeout.unwrap_or(Timeout(Some(super::USUAL_PATIENCE)));
    let step_minutes = count.step.map_or_else(|| usual_step(range, engine.time()), |step| step.0);
    let counted = engine.count(&CountQuestion {
        expression: Some(&asked.within(range)),
        by: by(count.by),
        step_minutes,
        keep_going: &super::within(patience),
    });
    super::tell_of_damage(engine, console);
    if console.json {
        console.answer(&json::counts(&counted)?)?;
    } else if counted.counts.is_empty() {
        console.remark("no line fits\n");
    } else {
        console.answer(&render::count::count(&counted.counts, console.layout))?;
    }
    if let Some(from) = counted.from {
        let time = words::date_and_clock(Some(from));
        console.warn(&format!(
            "time ran out: what is older than {time} was not counted; --timeout 0 waits for all"
        ));
    }
    Ok(Exit::Answered)
}

/// What gives some forty steps.
fn usual_step(asked: TimeRange, held: Option<TimeRange>) -> u32 {
    let held = held.unwrap_or(TimeRange { start: Timestamp::default(), end: Timestamp::default() });
    let seconds = asked.end.min(held.end).seconds_since(asked.start.max(held.start));
    let steps = [1_u32, 5, 15, 60, 360, 1440];
    let fits = |step: &u32| seconds / 60.0 / f64::from(*step) <= 40.0;
    steps.into_iter().find(fits).unwrap_or(10_080)
}

const fn by(by: By) -> CountBy {
    match by {
        By::Level => CountBy::Level,
        By::Service => CountBy::Service,
        By::Daemon => CountBy::Daemon,
        By::Host => CountBy::Host,
        By::Signature => CountBy::Signature,
        By::Template => CountBy::Template,
        By::None => CountBy::Nothing,
    }
}
