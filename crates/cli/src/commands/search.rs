use crate::args::{Globals, Search, Timeout};
use crate::console::Console;
use crate::engine::{Expression, Found, Question};
use crate::exit::{Exit, Failure};
use crate::{json, render};

/// So many are held in memory and printed together.
const PAGE: usize = 1000;

pub(super) fn run(search: &Search, globals: &Globals, console: &Console) -> Result<Exit, Failure> {
    let engine = super::open(globals)?;
    let now = super::now();
    let expression = engine.expression(&search.query.join(" "), now)?.within(search.stretch.range(now));
    let Timeout(patience) =
        search.patience.timeout.unwrap_or(Timeout((search.limit > 0).then_some(super::USUAL_PATIENCE)));
    let keep_going = super::within(patience);
    let mut left = super::limit(search.limit);
    let mut after = search.after.as_ref().map(|after| after.0);
    let mut shown = 0;
    loop {
        let limit = left.min(PAGE);
        let found =
            engine.search(Question { expression: &expression, after, limit, keep_going: &keep_going });
        left -= found.passages.len();
        shown += found.passages.len();
        if console.json {
            console.answer(&json::found(&found)?)?;
        } else {
            console.answer(&render::lines::lines(&found.passages, console.layout))?;
        }
        after = found.next;
        if found.partial || after.is_none() || left == 0 {
            super::tell_of_damage(engine, console);
            tell_of_the_end(&found, shown, &expression, console);
            return Ok(Exit::Answered);
        }
    }
}

fn tell_of_the_end(found: &Found, shown: usize, expression: &Expression, console: &Console) {
    match found.next {
        Some(next) if found.partial => console.warn(&format!(
            "time ran out, not everything was looked at: --after {next} goes on, --timeout 0 waits for all"
        )),
        Some(next) => super::tell_of_more(shown, "lines", &next.to_string(), console),
        None if shown == 0 => console.remark(&nothing(expression)),
        None => {}
    }
}

/// With what may have been meant.
fn nothing(expression: &Expression) -> String {
    match expression.whole_word() {
        Some(word) => {
            let word = render::screen::visible(word);
            format!(
                "no line fits; `{word}` is sought as a whole word: `{word}*` finds those that begin so, \"{word}\" in quotes finds it anywhere\n"
            )
        }
        None => "no line fits\n".to_owned(),
    }
}
