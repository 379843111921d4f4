//! What each command does, a file each, named as it is typed.

mod agent;
mod check_config;
mod completions;
mod count;
mod demo;
mod doctor;
mod errors;
mod filters;
mod import;
mod lines;
mod requests;
mod retain;
mod search;
mod tail;
mod trace;
mod up;
mod watch;
mod why;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use correlate::{Answer, Case};
use model::{Id, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::args::{AskedId, Cli, Command, Globals};
use crate::config::Config;
use crate::console::Console;
use crate::engine::Engine;
use crate::exit::{Exit, Failure};
use crate::json;

#[cfg(test)]
pub(crate) use why::end as end_of_why;

pub(crate) fn run(cli: Cli, console: &Console) -> Result<Exit, Failure> {
    let config = match &cli.command {
        // It says itself what is wrong.
        Command::CheckConfig(_) => Config::default(),
        _ => Config::load(cli.globals.config.as_deref())?,
    };
    let globals = &Globals {
        store: cli.globals.store.or_else(|| config.store.clone()),
        filters: cli.globals.filters.or_else(|| config.filters.clone()),
        ..cli.globals
    };
    match cli.command {
        Command::Import(import) => import::run(import, globals, console),
        Command::Up(up) => up::run(&up, &config, globals, console),
        Command::Agent(agent) => agent::run(&agent, &config, globals, console),
        Command::Watch(watch) => watch::run(&watch, &config, globals, console),
        Command::Tail(tail) => tail::run(&tail, globals, console),
        Command::Why(why) => why::run(why, globals, console),
        Command::Trace(trace) => trace::run(&trace, globals, console),
        Command::Lines(lines) => lines::run(&lines, globals, console),
        Command::Search(search) => search::run(&search, globals, console),
        Command::Count(count) => count::run(&count, globals, console),
        Command::Errors(errors) => errors::run(&errors, globals, console),
        Command::Requests(requests) => requests::run(&requests, globals, console),
        Command::Filters(filters) => filters::run(filters, globals, console),
        Command::Doctor(_) => doctor::run(globals, console),
        Command::Retain(retain) => retain::run(&retain, globals, console),
        Command::CheckConfig(check) => check_config::run(&check, globals, console),
        Command::Demo(_) => demo::run(globals, console),
        Command::Completions(completions) => completions::run(&completions, console),
    }
}

fn open(globals: &Globals) -> Result<&'static Engine, Failure> {
    open_for(globals, None)
}

/// For a question about an id.
fn open_for(globals: &Globals, about: Option<&Id>) -> Result<&'static Engine, Failure> {
    // An answer touches a little here and there, and to zero a huge page for each takes longer than to read what is asked
    // for. When the kernel refuses, it takes longer.
    rustix::thread::disable_transparent_huge_pages(true).unwrap_or_default();
    let engine =
        Engine::open(&store(globals)?, globals.filters.as_deref(), &globals.disable_signature, about)?;
    // The process ends with its answer: to give everything back before takes a tenth of a short command's time.
    Ok(Box::leak(Box::new(engine)))
}

/// `--store`, else CULPRIT_STORE, else the XDG data folder.
fn store(globals: &Globals) -> Result<PathBuf, Failure> {
    match &globals.store {
        Some(store) => Ok(store.clone()),
        None => in_data_folder("store", "--store DIR"),
    }
}

fn in_data_folder(name: &str, option: &str) -> Result<PathBuf, Failure> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let data = folder("XDG_DATA_HOME").or_else(|| Some(folder("HOME")?.join(".local/share")));
    data.map(|data| data.join("culprit").join(name)).ok_or_else(|| {
        let message = format!("failed to find a place for the {name}: neither XDG_DATA_HOME nor HOME is set");
        Failure::because(Exit::Usage, message).advise(format!("name one with {option}"))
    })
}

fn now() -> Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the command line, the one place that reads the clock"
    )]
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(i64::try_from(since_1970.as_nanos()).unwrap_or(i64::MAX))
}

/// Looks again and again, until Ctrl-C; after a look that ends with `Break` there is a pause.
fn look_often(
    console: &Console,
    mut look: impl FnMut() -> Result<ControlFlow<()>, Failure>,
) -> Result<Exit, Failure> {
    const PAUSE: Duration = Duration::from_millis(250);
    let stop = CancellationToken::new();
    console.cancel_when_interrupted(&stop);
    while !stop.is_cancelled() {
        if look()?.is_break() {
            std::thread::sleep(PAUSE);
        }
    }
    Ok(Exit::Answered)
}

/// Without a writer nothing will come.
fn tell_of_writer(globals: &Globals, console: &Console) -> Result<(), Failure> {
    let store = store(globals)?;
    match index::writer_of(&store) {
        Some(writer) => {
            console.remark(&format!("following `{}`, written by {writer}; Ctrl-C ends\n", store.display()));
        }
        None => console
            .warn(&format!("nobody writes into `{}` now: start `culprit up` beside this", store.display())),
    }
    Ok(())
}

/// 0 is no limit.
const fn limit(asked: usize) -> usize {
    if asked == 0 { usize::MAX } else { asked }
}

/// There is more than was printed.
fn tell_of_more(shown: usize, what: &str, cursor: &str, console: &Console) {
    console
        .remark(&format!("{shown} {what}, and there are more: -n 0 prints all, --after {cursor} the next\n"));
}

/// Whether there is time left, from now on.
fn within(patience: Option<Duration>) -> impl Fn() -> bool {
    let began = Instant::now();
    move || patience.is_none_or(|patience| began.elapsed() < patience)
}

const USUAL_PATIENCE: Duration = Duration::from_secs(10);

/// What cannot be read of the store does not stop an answer, but whoever reads it has to know.
fn tell_of_damage(engine: &Engine, console: &Console) {
    for damage in engine.damage() {
        console.warn(&format!("the answer may lack something: {damage}"));
    }
}

/// The case of an id; when there is none, says so and how to end.
fn case_of(asked: &AskedId, engine: &Engine, console: &Console) -> Result<Result<Box<Case>, Exit>, Failure> {
    let missing = match engine.judge(&asked.id) {
        Answer::Found(case) => return Ok(Ok(case)),
        Answer::NotFound => not_found(asked),
        Answer::ProcessId => of_a_process(asked),
    };
    if console.json {
        console.answer(&json::not_found(&asked.text)?)?;
    }
    Ok(Err(console.report(&missing)))
}

fn not_found(asked: &AskedId) -> Failure {
    let message = format!("no line holds the id `{}`", asked.text);
    Failure::because(Exit::NotFound, message)
        .advise("import the logs of its time, or list what is there with `culprit requests`")
}

fn of_a_process(asked: &AskedId) -> Failure {
    let message = format!(
        "the id `{}` belongs to a process, not to a request: nobody asked for anything with it",
        asked.text
    );
    Failure::because(Exit::NotFound, message).advise(format!(
        "`culprit search {}` prints its lines; `culprit why` needs the id of a request or of a resource",
        asked.text
    ))
}
