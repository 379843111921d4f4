use tokio_util::sync::CancellationToken;

use crate::args::{Agent, Globals};
use crate::config::Config;
use crate::console::Console;
use crate::engine::{self, Control, Happening};
use crate::exit::{Exit, Failure};
use crate::{live, render};

pub(super) fn run(
    agent: &Agent,
    config: &Config,
    globals: &Globals,
    console: &Console,
) -> Result<Exit, Failure> {
    // They would double the memory of a program that stands on every host. Where it cannot be asked for, it runs too.
    rustix::thread::disable_transparent_huge_pages(true).ok();
    let buffer = match agent.buffer.clone().or_else(|| config.agent.buffer.clone()) {
        Some(buffer) => buffer,
        None => super::in_data_folder("agent", "--buffer DIR")?,
    };
    let settings = live::agent(agent, config, buffer)?;
    let knowledge = engine::knowledge(globals.filters.as_deref())?;
    let control = Control { stop: CancellationToken::new(), ..Control::default() };
    let sources = live::sources(&agent.hear, config, &knowledge, &control.status)?;
    console.cancel_when_interrupted(&control.stop);
    live::warnings(&sources).iter().for_each(|warning| console.warn(warning));
    let ship = |tell: &mut dyn FnMut(Happening<'_>)| engine::ship(settings, sources, &control, tell);
    let status = super::up::telling(&control, console, ship)?;
    console.remark(&render::up::end_of_agent(&status));
    Ok(Exit::Answered)
}
