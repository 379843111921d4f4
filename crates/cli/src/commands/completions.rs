use clap::CommandFactory;

use crate::args::{Cli, Completions};
use crate::console::Console;
use crate::exit::{Exit, Failure};

pub(super) fn run(completions: &Completions, console: &Console) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(completions.shell, &mut Cli::command(), "culprit", &mut script);
    console.answer(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Answered)
}
