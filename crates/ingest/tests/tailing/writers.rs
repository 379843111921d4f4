//! Whatever writers and rotation do, in whatever order, with crashes in between: every line exactly once, and in order.

use std::fs;

use proptest::prelude::*;

use crate::site::Site;

#[derive(Clone, Copy, Debug)]
enum Action {
    Append(usize),
    /// A line without its end. It is ended before anything else happens to the file.
    Half,
    /// By renaming; `true` when the writer notices only after one more line.
    Rename(bool),
    CopyTruncate,
    /// The newest file that was put aside and is not compressed yet.
    Compress,
    /// Only what was stored may be deleted: nobody could read it again.
    DeleteStored,
    TruncateStored,
    Look,
    ReadOne,
    Step,
    Commit,
    Crash,
    Wait,
}

struct Writer {
    site: Site,
    next: usize,
    /// What is missing of the last line.
    missing: String,
    aside: usize,
    /// Whether files that were put aside are asked for too.
    asks_for_all: bool,
}

impl Writer {
    fn new(asks_for_all: bool) -> Self {
        let pattern = if asks_for_all { "*.log*" } else { "*.log" };
        let site = Site::with(&[pattern], |settings| {
            settings.lines.batch_lines = 3;
            settings.lines.batch_bytes = 200;
        });
        let mut writer = Self { site, next: 0, missing: String::new(), aside: 0, asks_for_all };
        writer.append(1);
        writer.store();
        writer
    }

    fn line(&mut self) -> String {
        self.next += 1;
        format!("{}-{}", self.next, "x".repeat(self.next * 7 % 90))
    }

    fn append(&mut self, count: usize) {
        let mut text = std::mem::take(&mut self.missing);
        for _ in 0..count {
            text.push_str(&self.line());
            text.push('\n');
        }
        self.site.append("a.log", text);
    }

    /// Makes room for `a.log.1`.
    fn shift(&mut self) {
        self.append(0);
        for number in (1..=self.aside).rev() {
            for end in ["", ".gz"] {
                let from = self.site.path(&format!("a.log.{number}{end}"));
                if from.exists() {
                    fs::rename(from, self.site.path(&format!("a.log.{}{end}", number + 1))).unwrap();
                }
            }
        }
        self.aside += 1;
    }

    fn store(&mut self) {
        self.append(0);
        self.site.step();
        self.site.commit();
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Append(count) => self.append(count),
            Action::Half => {
                self.append(0);
                let line = self.line();
                let (first, rest) = line.split_at(line.len() / 2);
                self.site.append("a.log", first);
                self.missing = format!("{rest}\n");
            }
            Action::Rename(late) => {
                self.shift();
                self.site.rename("a.log", "a.log.1");
                if late {
                    let line = self.line();
                    self.site.append("a.log.1", format!("{line}\n"));
                }
                self.append(1);
            }
            Action::CopyTruncate => {
                self.shift();
                self.site.copy_truncate("a.log", "a.log.1");
            }
            Action::Compress => {
                if !self.asks_for_all {
                    // A compressed file that nobody asked for and nobody read before need not be read.
                    self.append(0);
                    self.site.wait(4);
                    self.site.commit();
                }
                let plain = |number: &usize| self.site.path(&format!("a.log.{number}")).exists();
                if let Some(number) = (1..=self.aside).find(plain) {
                    let name = format!("a.log.{number}");
                    self.site.compress(&name, &format!("{name}.gz"));
                    self.site.remove(&name);
                }
            }
            Action::DeleteStored => {
                self.store();
                self.site.remove("a.log");
                self.append(1);
            }
            Action::TruncateStored => {
                self.store();
                self.site.truncate("a.log", 0);
                self.append(1);
            }
            Action::Look => self.site.look(),
            Action::ReadOne => {
                self.site.read_batch();
            }
            Action::Step => self.site.step(),
            Action::Commit => self.site.commit(),
            Action::Crash => self.site.crash(),
            Action::Wait => self.site.wait(12),
        }
    }

    fn check(mut self) {
        self.append(1);
        self.site.wait(20);
        self.check_lines();
        self.site.commit();
        self.site.crash();
        self.site.wait(20);
        self.check_lines();
    }

    fn check_lines(&self) {
        let number = |line: &String| line.split('-').next().unwrap().parse::<usize>().unwrap();
        for lines in self.site.lines_of_texts() {
            let numbers: Vec<usize> = lines.iter().map(number).collect();
            assert!(numbers.is_sorted(), "out of order: {numbers:?}");
        }
        let mut seen: Vec<usize> = self.site.lines().iter().map(number).collect();
        seen.sort_unstable();
        assert_eq!(seen, (1..=self.next).collect::<Vec<_>>());
    }
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let action = prop_oneof![
        4 => (1..12_usize).prop_map(Action::Append),
        1 => Just(Action::Append(300)),
        2 => Just(Action::Half),
        2 => any::<bool>().prop_map(Action::Rename),
        2 => Just(Action::CopyTruncate),
        2 => Just(Action::Compress),
        1 => Just(Action::DeleteStored),
        1 => Just(Action::TruncateStored),
        2 => Just(Action::Look),
        3 => Just(Action::ReadOne),
        4 => Just(Action::Step),
        2 => Just(Action::Commit),
        2 => Just(Action::Crash),
        1 => Just(Action::Wait),
    ];
    prop::collection::vec(action, 1..40)
}

fn cases() -> ProptestConfig {
    ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn every_line_exactly_once_and_in_order(actions in actions(), asks_for_all: bool) {
        let mut writer = Writer::new(asks_for_all);
        for action in actions {
            writer.act(action);
        }
        writer.check();
    }
}
