use std::io;

use clap::Parser;
use clap::builder::StyledStr;
use model::Outcome;

use super::sample;
use crate::args::Cli;
use crate::commands::end_of_why;
use crate::exit::{Exit, Failure, of_parsing};

#[test]
fn the_document_and_the_help_name_every_code() {
    let document = include_str!("../../../../docs/exit-codes.md");
    let help: StyledStr = <Cli as clap::CommandFactory>::command().render_long_help();
    for exit in Exit::ALL {
        let code = exit as u8;
        assert!(document.contains(&format!("\n| {code} | ")), "{exit:?} is missing from the document");
        assert!(help.to_string().contains(&format!("\n{code:>5}  ")), "{exit:?} is missing from the help");
    }
}

#[test]
fn an_answer_ends_with_what_was_found() {
    let check = |case, exit| assert_eq!(end_of_why(&case), exit);
    check(sample::failed(), Exit::Answered);
    check(sample::not_logged(), Exit::NotLogged);
    check(sample::ended(Outcome::Succeeded), Exit::Answered);
    check(sample::ended(Outcome::Unfinished), Exit::Answered);
}

#[test]
fn help_is_an_answer_and_mistakes_are_wrong_usage() {
    let check = |line: &str, exit| {
        let words = std::iter::once("culprit").chain(line.split_whitespace());
        assert_eq!(of_parsing(&Cli::try_parse_from(words).unwrap_err()), exit, "{line}");
    };
    check("--help", Exit::Answered);
    check("why --help", Exit::Answered);
    check("--version", Exit::Answered);
    check("", Exit::Usage);
    check("why", Exit::Usage);
    check("why --store", Exit::Usage);
    check("explain x", Exit::Usage);
}

#[test]
fn a_reader_that_went_away_is_no_failure() {
    let check = |kind, broken| assert_eq!(Failure::from(io::Error::from(kind)).is_broken_pipe(), broken);
    check(io::ErrorKind::BrokenPipe, true);
    check(io::ErrorKind::StorageFull, false);
}

#[test]
fn failures_say_what_why_and_what_next() {
    let cause = anyhow::anyhow!("unknown field\nfoo:x\n^").context("failed to read the query");
    let failure = Failure::new(Exit::Data, cause).advise("see the help");
    let shown = anstream::adapter::strip_str(&failure.to_string()).to_string();
    let expected = "error: failed to read the query\nbecause: unknown field\n         foo:x\n         ^\ntry: see the help\n";
    assert_eq!(shown, expected);
}
