//! The project's own tooling: one command sets up a machine and checks everything.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that talks to a developer")]

mod bench;
mod check;
mod ci;
mod command;
mod crash;
mod deb;
mod fuzz;
mod gen_logs;
mod load;
mod options;
mod pack;
mod replay;
mod score;
mod setup;
mod torture;

use std::process::ExitCode;

use anyhow::{Result, bail};

use options::Options;

const HELP: &str = "\
Checks, measures and packs this project.

Usage: cargo xtask COMMAND [OPTIONS]

Commands:
  test              Install what is missing, then check formatting, lints, tests, docs and filters
  setup             Install what is missing, and nothing else
  fuzz              Run every fuzz target for a minute
  crash             Kill writers of stores at any moment and count every line afterwards
  torture           Follow live logs while everything breaks and count every line afterwards
  bench             Run the benchmarks, print one table
  score             Ask about a cloud whose true causes are known, print how often the answer is right
  replay            Follow a recorded cloud live, at twenty times its speed
  load              Follow a large cloud's worth of lines for ten minutes
  deb               Build a Debian package and look at it
  gen-logs          Write logs of any size: the recorded cloud scaled up, with its truth
  pack-corpus       Pack a recorded cloud into the repository's archive
  ci                What continuous integration runs: test, score with its bars, a few crashes and tortures, a short fuzz

`cargo xtask COMMAND --help` tells more.";

type Command = fn(Options) -> Result<()>;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match run(arguments.next().as_deref(), arguments.collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(name: Option<&str>, arguments: Vec<String>) -> Result<()> {
    let (help, command): (&str, Command) = match name {
        Some("test") => (check::HELP, check::run),
        Some("setup") => (setup::HELP, setup::run),
        Some("fuzz") => (fuzz::HELP, fuzz::run),
        Some("crash") => (crash::HELP, crash::run),
        Some("torture") => (torture::HELP, torture::run),
        Some("bench") => (bench::HELP, bench::run),
        Some("score") => (score::HELP, score::run),
        Some("replay") => (replay::HELP, replay::run),
        Some("load") => (load::HELP, load::run),
        Some("deb") => (deb::HELP, deb::run),
        Some("gen-logs") => (gen_logs::HELP, gen_logs::run),
        Some("pack-corpus") => (pack::HELP, pack::run),
        Some("ci") => (ci::HELP, ci::run),
        None | Some("help" | "--help" | "-h") => {
            println!("{HELP}");
            return Ok(());
        }
        Some(other) => bail!("there is no command `{other}`\n\n{HELP}"),
    };
    if arguments.iter().any(|argument| matches!(argument.as_str(), "--help" | "-h")) {
        println!("{help}");
        return Ok(());
    }
    command(Options::new(arguments))
}
