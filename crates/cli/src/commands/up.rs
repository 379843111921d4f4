use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::args::{Globals, Up};
use crate::config::Config;
use crate::console::{Console, Renewal};
use crate::engine::{self, Control, Happening, Knowledge, LiveOptions, Sources, Status};
use crate::exit::{Exit, Failure};
use crate::{live, render};

/// What is asked for, once or again.
struct Begin {
    up: Up,
    globals: Globals,
    store: PathBuf,
    status: watch::Sender<Arc<Status>>,
}

/// All that it takes to begin.
struct Prepared {
    knowledge: Knowledge,
    options: LiveOptions,
    sources: Sources,
}

/// What runs, and what is to run next.
#[derive(Default)]
struct Turn {
    stop: CancellationToken,
    next: Option<Prepared>,
}

pub(super) fn run(up: &Up, config: &Config, globals: &Globals, console: &Console) -> Result<Exit, Failure> {
    let store = super::store(globals)?;
    let mut control = Control::default();
    let begin = Begin { up: up.clone(), globals: globals.clone(), store, status: control.status.clone() };
    let mut prepared = begin.prepare(config)?;
    let stop = CancellationToken::new();
    let turn = Arc::new(Mutex::new(Turn::default()));
    console.cancel_or_renew(&stop, renewal(begin, console, &turn));
    loop {
        control.stop = stop.child_token();
        locked(&turn).stop = control.stop.clone();
        let report = go_on(prepared, &control, console)?;
        match locked(&turn).next.take() {
            Some(next) if !stop.is_cancelled() => prepared = next,
            _ => {
                console.remark(&render::up::end(&report));
                return Ok(Exit::Answered);
            }
        }
    }
}

impl Begin {
    fn prepare(&self, config: &Config) -> Result<Prepared, Failure> {
        let Self { up, globals, store, status } = self;
        let knowledge = engine::knowledge(globals.filters.as_deref())?;
        let options = LiveOptions { started: super::now(), ..live::options(up, config, store)? };
        let sources = live::sources(&up.hear, config, &knowledge, status)?;
        Ok(Prepared { knowledge, options, sources })
    }
}

/// Reads filters and configuration anew; what is wrong changes nothing.
fn renewal(begin: Begin, console: &Console, turn: &Arc<Mutex<Turn>>) -> Renewal {
    let (console, turn) = (console.clone(), Arc::clone(turn));
    Box::new(move || {
        let config = Config::load(begin.globals.config.as_deref());
        match config.and_then(|config| begin.prepare(&config)) {
            Ok(next) => {
                console.remark("filters and configuration are read anew\n");
                let mut turn = locked(&turn);
                turn.next = Some(next);
                turn.stop.cancel();
            }
            Err(failure) => {
                console.report(&failure);
                console.warn("it goes on with the filters and the configuration that it has");
            }
        }
    })
}

fn go_on(prepared: Prepared, control: &Control, console: &Console) -> Result<engine::LiveReport, Failure> {
    let Prepared { knowledge, options, sources } = prepared;
    live::warnings(&sources).iter().for_each(|warning| console.warn(warning));
    telling(control, console, |tell| engine::up(&options, sources, &knowledge, control, tell))
}

/// Tells what happens while `work` goes on, and stops it when nobody reads any more.
pub(super) fn telling<T>(
    control: &Control,
    console: &Console,
    work: impl FnOnce(&mut dyn FnMut(Happening<'_>)) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut failure = None;
    let outcome = work(&mut |news| {
        if let Err(error) = tell(&news, console) {
            failure.get_or_insert(error);
            control.stop.cancel();
        }
    })?;
    failure.map_or(Ok(outcome), Err)
}

fn tell(news: &Happening<'_>, console: &Console) -> Result<(), Failure> {
    match news {
        Happening::Ready { addresses } => console.remark(&render::up::ready(addresses)),
        Happening::Trouble(what) => console.warn(what),
        Happening::Resumed => console.remark("lines are sent again\n"),
        Happening::News(news) => super::watch::tell(news, console)?,
    }
    Ok(())
}

fn locked(turn: &Mutex<Turn>) -> MutexGuard<'_, Turn> {
    turn.lock().unwrap_or_else(PoisonError::into_inner)
}
