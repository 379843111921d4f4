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
    check(
        "import /var/log - a.tar.xz",
        expect![[
            r#"Import(Import { paths: ["/var/log", "-", "a.tar.xz"], zones: [], host: None, service: None, daemon: None, commit_bytes: None, segment_bytes: None })"#
        ]],
    );
    check(
        "import --zone c3=+02:00 --zone UTC --host h --service nova --daemon nova-api x",
        expect![[
            r#"Import(Import { paths: ["x"], zones: [Zone { host: Some("c3"), zone: "+02:00" }, Zone { host: None, zone: "UTC" }], host: Some("h"), service: Some("nova"), daemon: Some("nova-api"), commit_bytes: None, segment_bytes: None })"#
        ]],
    );
    check("import", expect!["error: the following required arguments were not provided:"]);
    check(
        "import --zone =UTC x",
        expect![
            "error: invalid value '=UTC' for '--zone <[HOST=]ZONE>': write `ZONE` or `HOST=ZONE`, as in `compute-03=+02:00`"
        ],
    );
    check(
        &format!("why req-{ID}"),
        expect![[
            r#"Why(Why { logs: [], id: Some(AskedId { text: "req-4f3a5566-7a10-4c11-8d35-0123456789ab", id: 4f3a5566-7a10-4c11-8d35-0123456789ab }) })"#
        ]],
    );
    check("why", expect!["error: the following required arguments were not provided:"]);
    check(
        "why no-id",
        expect![
            "error: invalid value 'no-id' for '[ID]': `no-id` is no id: paste a request id (req-…), a UUID, a domain (instance-0000009f), a port's device or a MAC address"
        ],
    );
    check(
        &format!("trace {ID}"),
        expect![[
            r#"Trace(Trace { id: AskedId { text: "4f3a5566-7a10-4c11-8d35-0123456789ab", id: 4f3a5566-7a10-4c11-8d35-0123456789ab } })"#
        ]],
    );
    check(
        "lines instance-0000009f -C 3",
        expect![[
            r#"Lines(Lines { id: AskedId { text: "instance-0000009f", id: instance-0000009f }, context: 3 })"#
        ]],
    );
    check(
        "search service:nova level>=warning -n 5",
        expect![[
            r#"Search(Search { query: ["service:nova", "level>=warning"], stretch: Stretch { since: None, until: None }, limit: 5, after: None, patience: Patience { timeout: None } })"#
        ]],
    );
    check(
        "requests --failed --since 12h",
        expect![[
            r#"Requests(Requests { failed: true, since: Some(Moment("12h")), limit: 50, after: None })"#
        ]],
    );
    check(
        "requests --since yesterday",
        expect![
            "error: invalid value 'yesterday' for '--since <WHEN>': write how long ago (`30m`, `12h`, `7d`) or a date (`2026-11-21`, `2026-11-21T03:28`)"
        ],
    );
    check("filters check", expect!["Filters(Check { dir: None })"]);
    check("filters check ours", expect![[r#"Filters(Check { dir: Some("ours") })"#]]);
    check("demo", expect!["Demo(Demo)"]);
    check("completions zsh", expect!["Completions(Completions { shell: Zsh })"]);
    check("explain", expect!["error: unrecognized subcommand 'explain'"]);
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
