use std::ops::ControlFlow;
use std::time::Instant;

use crate::args::{Globals, Watch};
use crate::config::Config;
use crate::console::Console;
use crate::engine::{Incidents, News, RequestFilter};
use crate::exit::{Exit, Failure};
use crate::{json, live, render};

pub(super) fn run(
    watch: &Watch,
    config: &Config,
    globals: &Globals,
    console: &Console,
) -> Result<Exit, Failure> {
    let engine = super::open(globals)?;
    let mut verdicts = engine.new_verdicts();
    if watch.last > 0 {
        let filter = RequestFilter { failed: true, since: None, after: None, limit: watch.last };
        for failed in engine.requests(&filter).requests.into_iter().rev() {
            tell(&News::Failed(failed, None), console)?;
        }
    }
    super::tell_of_writer(globals, console)?;
    let mut incidents = Incidents::new(live::incident_rule(config));
    let began = Instant::now();
    super::look_often(console, || {
        let now = began.elapsed();
        let mut news: Vec<News> = incidents.take_over(now).into_iter().map(News::Over).collect();
        for summary in engine.verdicts_since(&mut verdicts)? {
            news.extend(incidents.hear(summary, now));
        }
        news.iter().try_for_each(|news| tell(news, console))?;
        Ok(ControlFlow::Break(()))
    })
}

/// Also what `culprit up` prints.
pub(super) fn tell(news: &News, console: &Console) -> Result<(), Failure> {
    if console.json {
        console.answer(&json::news(news)?)
    } else {
        console.answer(&render::news::news(news, console.layout))
    }
}
