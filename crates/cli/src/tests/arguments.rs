use std::path::PathBuf;

use clap::{CommandFactory, Parser};
use expect_test::{Expect, expect};

use crate::args::{Cli, Color, Command};

fn parsed(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("culprit").chain(line.split_whitespace()))
}

fn check(line: &str, expected: Expect) {
    let text = match parsed(line) {
        Ok(cli) => format!("{:?}", cli.command),
        Err(error) => error.to_string().lines().next().unwrap_or_default().to_owned(),
    };
    expected.assert_eq(&text);
}

const ID: &str = "4f3a5566-7a10-4c11-8d35-0123456789ab";

#[test]
fn command_lines_mean_what_they_say() {
    check("import /var/log - a.tar.xz", expect![[]]);
    check("import --zone c3=+02:00 --zone UTC --host h --service nova --daemon nova-api x", expect![[]]);
    check("import", expect![[]]);
    check("import --zone =UTC x", expect![[]]);
    check(&format!("why req-{ID}"), expect![[]]);
    check("why", expect![[]]);
    check("why no-id", expect![[]]);
    check(&format!("trace {ID}"), expect![[]]);
    check("lines instance-0000009f -C 3", expect![[]]);
    check("search service:nova level>=warning -n 5", expect![[]]);
    check("requests --failed --since 12h", expect![[]]);
    check("requests --since yesterday", expect![[]]);
    check("filters check", expect![[]]);
    check("filters check ours", expect![[]]);
    check("demo", expect![[]]);
    check("completions zsh", expect![[]]);
    check("explain", expect![[]]);
}

#[test]
fn logs_and_id_may_come_in_any_order() {
    let check = |line: &str, logs: Result<&[&str], &str>| {
        let Ok(Cli { command: Command::Why(why), .. }) = parsed(line) else { panic!("{line}") };
        let found = why.logs_and_id().map(|(logs, asked)| {
            assert_eq!(asked.text, ID);
            logs
        });
        let logs = logs.map(|logs| logs.iter().map(PathBuf::from).collect());
        assert_eq!(found, logs.map_err(str::to_owned), "{line}");
    };
    check(&format!("why {ID}"), Ok(&[]));
    check(&format!("why --logs a {ID}"), Ok(&["a"]));
    check(&format!("why --logs a b {ID}"), Ok(&["a", "b"]));
    check(&format!("why {ID} --logs a b"), Ok(&["a", "b"]));
    check(&format!("why --logs a --json {ID}"), Ok(&["a"]));
    check(&format!("why --logs {ID}"), Err("an id is missing after the paths of `--logs`"));
}

#[test]
fn global_options_stand_before_or_after_the_command() {
    for line in [
        "--store s --filters f --json --color never --ascii --quiet demo",
        "demo --store s --filters f --json --color never --ascii --quiet",
    ] {
        let globals = parsed(line).unwrap().globals;
        assert_eq!(globals.store, Some("s".into()));
        assert_eq!(globals.filters, Some("f".into()));
        assert_eq!(globals.color, Color::Never);
        assert!(globals.json && globals.ascii && globals.quiet);
    }
}

#[test]
fn every_help_has_examples() {
    fn check(command: &mut clap::Command) {
        let help = command.render_long_help().to_string();
        assert!(help.contains("Examples:"), "{help}");
        for child in command.get_subcommands_mut().filter(|child| child.get_name() != "help") {
            check(child);
        }
    }
    Cli::command().debug_assert();
    check(&mut Cli::command());
}
