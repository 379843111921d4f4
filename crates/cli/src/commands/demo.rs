use crate::args::{AskedId, Globals};
use crate::console::Console;
use crate::demo_logs;
use crate::engine::{Engine, ImportOptions};
use crate::exit::{Exit, Failure};
use crate::render::style::{COMMAND, DIM};
use crate::render::{self, Row, Screen};

/// The commands that an operator would type, each with its answer.
pub(super) fn run(globals: &Globals, console: &Console) -> Result<Exit, Failure> {
    console.watch_for_interrupts();
    let folder = super::import::temporary_folder()?;
    let (logs, store) = (folder.path().join("logs"), folder.path().join("store"));
    let asked = demo_logs::unpack(&logs)?;
    if console.json {
        super::import::read(options(logs, store.clone(), globals), console)?;
        return super::why::answer(
            &asked,
            &Engine::open(&store, globals.filters.as_deref(), &globals.disable_signature, None)?,
            console,
        );
    }

    remark(
        console,
        "Somebody's server did not boot: \"Failed to allocate the network(s)\". Here is what eight hosts logged meanwhile:",
    )?;
    typed(console, "culprit import ./logs")?;
    let report = super::import::read(options(logs, store.clone(), globals), console)?;
    console.answer(&render::import::import(&report, console.layout))?;

    let engine = Engine::open(&store, globals.filters.as_deref(), &globals.disable_signature, None)?;
    typed(console, &format!("culprit why {}", asked.text))?;
    let exit = super::why::answer(&asked, &engine, console)?;

    typed(console, &format!("culprit trace {}", asked.text))?;
    super::trace::answer(&asked, &engine, console)?;
    farewell(&asked, console)?;
    Ok(exit)
}

fn options(logs: std::path::PathBuf, store: std::path::PathBuf, globals: &Globals) -> ImportOptions {
    ImportOptions { paths: vec![logs], ..ImportOptions::new(store, globals.filters.clone()) }
}

fn remark(console: &Console, text: &str) -> Result<(), Failure> {
    let mut screen = Screen::new(console.layout);
    screen.paragraph(Row::new(), DIM, text);
    console.answer(&screen.finish())
}

fn typed(console: &Console, command: &str) -> Result<(), Failure> {
    let mut screen = Screen::new(console.layout);
    screen.blank();
    screen.row(Row::new().put(DIM, "$ ").put(COMMAND, command));
    console.answer(&screen.finish())
}

fn farewell(asked: &AskedId, console: &Console) -> Result<(), Failure> {
    console.answer("\n")?;
    remark(console, "These logs are gone now. With your own:")?;
    typed(console, "culprit import /var/log")?;
    typed(console, "culprit requests --failed")?;
    let shape = if asked.text.starts_with("req-") { "req-…" } else { "ID" };
    typed(console, &format!("culprit why {shape}"))
}
