//! Other programs.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use culprit_tests::binary::project_root;

/// A program that starts in the project's folder and never waits for somebody to type.
pub(crate) fn command(line: &[&str]) -> Command {
    let (program, arguments) = line.split_first().expect("callers name a program");
    let mut command = Command::new(program);
    command.args(arguments).current_dir(project_root()).stdin(Stdio::null());
    command
}

/// A program among the examples of the end-to-end tests, to which its arguments are to be added.
pub(crate) fn example(name: &str) -> Command {
    let run = ["cargo", "run", "--quiet", "--profile", "checked", "--locked"];
    command(&[&run[..], &["--package", "culprit-tests", "--example", name, "--"]].concat())
}

/// Whether the program is there and says that all is well.
pub(crate) fn works(line: &[&str]) -> bool {
    let status = command(line).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Prints the command, runs it and fails when it fails.
pub(crate) fn run(mut command: Command) -> Result<()> {
    announce(&command);
    let status = command.status().with_context(|| format!("failed to start {:?}", command.get_program()))?;
    ensure!(status.success(), "{:?} ended with {status}", command.get_program());
    Ok(())
}

/// Runs a command whose lines pass through `watch` while they are printed; whether it succeeded.
pub(crate) fn run_watched(mut command: Command, mut watch: impl FnMut(&str)) -> Result<bool> {
    announce(&command);
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("failed to start {:?}", command.get_program()))?;
    let stdout = child.stdout.take().expect("stdout was piped");
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line.context("failed to read what the command prints")?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        watch(&line);
    }
    Ok(child.wait()?.success())
}

fn announce(command: &Command) {
    let arguments = command.get_args().map(|argument| argument.to_string_lossy());
    let line: Vec<_> = std::iter::once(command.get_program().to_string_lossy()).chain(arguments).collect();
    println!("\n$ {}", line.join(" "));
}
