//! The command line: arguments in, answers out.
//!
//! [`args`] says what can be typed, [`config`] what can be configured, [`commands`] does it (a file a command), [`render`] and [`json`] say it, [`exit`] ends it.
//! Everything that knows about logs is behind [`engine`].

mod args;
mod commands;
mod config;
mod console;
mod demo_logs;
mod live;

mod engine;
mod open_files;

mod json;
mod render;

mod exit;

#[cfg(test)]
mod tests;

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use clap::Parser;

use args::Cli;
use exit::Exit;

/// An import makes and drops a few objects for each of millions of lines: a fifth of its time with the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(stop) => return exit::after_parsing(&stop).into(),
    };
    open_files::allow_many();
    let console = console::Console::new(&cli.globals);
    let run = || commands::run(cli, &console).unwrap_or_else(|failure| console.report(&failure));
    // The message of a panic is printed by then; what is left is to end as documented.
    let exit = panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or(Exit::Internal);
    // At once: the allocator would give its memory back piece by piece, which takes longer than the kernel does.
    signal_hook::low_level::exit(exit as i32)
}
