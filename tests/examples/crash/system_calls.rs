//! What strace can do: end a process at a given system call, refuse a call, and write down in which order a process wrote,
//! synced and renamed. A power failure keeps what was synced, so whatever a manifest names must be when it is renamed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use culprit_tests::random::Random;

/// What changes files, and how often an undisturbed thread does it, more or less.
const CALLS: [(&str, u64); 9] = [
    ("openat", 600),
    ("write", 400),
    ("ftruncate", 2),
    ("fsync", 60),
    ("fdatasync", 200),
    ("rename", 8),
    ("renameat", 100),
    ("mkdir", 30),
    ("unlinkat", 100),
];

/// Ways to write that nobody uses today are watched too.
const WATCHED: &str = "trace=openat,creat,write,writev,pwrite64,copy_file_range,sendfile,splice,ftruncate,fallocate,\
                       fsync,fdatasync,rename,renameat,renameat2,mkdir,unlink,unlinkat,rmdir,pread64";

/// A call of a thread, counted from 1, and what is done to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Injection {
    call: &'static str,
    nth: u64,
    action: Action,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Kill,
    /// This one.
    Refuse(&'static str),
    /// This one, and all that follow.
    RefuseFromNowOn(&'static str),
}

impl Injection {
    pub(crate) fn kill(random: &mut Random) -> Self {
        let (call, usual) = *random.pick(&CALLS);
        Self { call, nth: 1 + random.mostly_small(usual), action: Action::Kill }
    }

    /// In a process that does little.
    pub(crate) fn kill_early(random: &mut Random) -> Self {
        let Self { call, nth, action } = Self::kill(random);
        Self { call, nth: 1 + nth % 12, action }
    }

    pub(crate) fn refuse(random: &mut Random) -> Self {
        let (call, usual) = if random.one_in(6) { ("pread64", 200) } else { *random.pick(&CALLS) };
        let errors: &[&str] = match call {
            "write" | "mkdir" | "openat" | "rename" | "renameat" => &["EIO", "ENOSPC", "EDQUOT"],
            _ => &["EIO"],
        };
        let error = *random.pick(errors);
        let action = if random.one_in(2) { Action::Refuse(error) } else { Action::RefuseFromNowOn(error) };
        Self { call, nth: 1 + random.mostly_small(usual), action }
    }

    pub(crate) const fn refuse_read(nth: u64) -> Self {
        Self { call: "pread64", nth, action: Action::Refuse("EIO") }
    }

    pub(crate) fn is_kill(self) -> bool {
        self.action == Action::Kill
    }

    /// The program, with its calls written to a file.
    pub(crate) fn command(self, program: &Path, calls: &Path) -> Command {
        let Self { call, nth, action } = self;
        let what = match action {
            Action::Kill => format!("signal=KILL:when={nth}"),
            Action::Refuse(error) => format!("error={error}:when={nth}"),
            Action::RefuseFromNowOn(error) => format!("error={error}:when={nth}+"),
        };
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-y", "-s", "0", "--seccomp-bpf", "-e", WATCHED]);
        command.args(["-e", &format!("inject={call}:{what}"), "-o"]).arg(calls).arg(program);
        command
    }
}

/// There may be no strace, and containers may forbid what it does.
pub(crate) fn can_be_traced() -> bool {
    let nothing = Injection { call: "unlinkat", nth: 1, action: Action::Kill };
    let mut probe = nothing.command(Path::new("true"), Path::new("/dev/null"));
    probe.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Every file that the last manifest of this process names was synced before that manifest took its place, as were the
/// folders in which it stands.
pub(crate) fn was_synced(calls: &Path, store: &Path, committed: &[PathBuf]) -> Result<()> {
    let text = fs::read(calls).with_context(|| format!("failed to read `{}`", calls.display()))?;
    let mut disk = Disk { store, unsynced: Unsynced::default(), at_commit: None };
    let mut unfinished = BTreeMap::<String, String>::new();
    for line in String::from_utf8_lossy(&text).lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        if let Some(begun) = call.strip_suffix("<unfinished ...>") {
            unfinished.insert(thread.to_owned(), begun.to_owned());
        } else if let Some((_, rest)) =
            call.strip_prefix("<... ").and_then(|call| call.split_once(" resumed>"))
        {
            let begun = unfinished.remove(thread).unwrap_or_default();
            disk.follow(&format!("{begun}{rest}"));
        } else {
            disk.follow(call);
        }
    }
    let Some(unsynced) = disk.at_commit else { return Ok(()) };
    let new = store.join("manifest.new");
    let inside = |path: &&Path| path.starts_with(store);
    let named = committed.iter().flat_map(|path| path.ancestors().take_while(inside));
    let mut missing: BTreeSet<&Path> = named.filter(|path| unsynced.holds(path)).collect();
    missing.extend(unsynced.contents.contains(&new).then_some(new.as_path()));
    ensure!(missing.is_empty(), "committed without having been synced: {missing:?}");
    Ok(())
}

/// What a power failure could take.
#[derive(Clone, Debug, Default)]
struct Unsynced {
    /// Of files.
    contents: BTreeSet<PathBuf>,
    /// Files and folders whose names may not be in their folders yet.
    names: BTreeSet<PathBuf>,
}

impl Unsynced {
    fn holds(&self, path: &Path) -> bool {
        self.contents.contains(path) || self.names.contains(path)
    }
}

struct Disk<'a> {
    store: &'a Path,
    unsynced: Unsynced,
    /// When a manifest took its place for the last time.
    at_commit: Option<Unsynced>,
}

impl Disk<'_> {
    /// One call, as strace writes it: `fsync(5</store/segments/3/blocks>) = 0`.
    fn follow(&mut self, line: &str) {
        let Some((name, rest)) = line.split_once('(') else { return };
        let Some((arguments, result)) = rest.rsplit_once(" = ") else { return };
        if result.starts_with('-') || result.starts_with('?') {
            return;
        }
        let open: Vec<&str> = between(arguments, '<', '>');
        let named: Vec<&str> = between(arguments, '"', '"');
        match (name, &open[..], &named[..]) {
            ("openat" | "creat", ..) if arguments.contains("O_CREAT") || name == "creat" => {
                if let [path] = between(result, '<', '>')[..] {
                    self.change(path);
                    self.name(path);
                }
            }
            ("fsync" | "fdatasync", [path], _) => self.sync(Path::new(path)),
            ("copy_file_range" | "splice", [_, path], _) => self.change(path),
            ("write" | "writev" | "pwrite64" | "sendfile" | "ftruncate" | "fallocate", [path, ..], _) => {
                self.change(path);
            }
            ("mkdir", _, [path]) => self.name(path),
            ("rename" | "renameat" | "renameat2", _, [from, to]) => {
                self.rename(Path::new(from), Path::new(to));
            }
            _ => {}
        }
    }

    fn change(&mut self, path: &str) {
        self.unsynced.contents.insert(path.into());
    }

    fn name(&mut self, path: &str) {
        self.unsynced.names.insert(path.into());
    }

    fn sync(&mut self, path: &Path) {
        self.unsynced.contents.remove(path);
        self.unsynced.names.retain(|name| name.parent() != Some(path));
    }

    fn rename(&mut self, from: &Path, to: &Path) {
        if to == self.store.join("manifest") {
            self.at_commit = Some(self.unsynced.clone());
        }
        if self.unsynced.contents.remove(from) {
            self.unsynced.contents.insert(to.to_owned());
        }
        self.unsynced.names.remove(from);
        self.unsynced.names.insert(to.to_owned());
    }
}

/// The texts between signs.
fn between(text: &str, open: char, close: char) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(open) {
        let Some((inner, after)) = after.split_once(close) else { break };
        found.push(inner);
        rest = after;
    }
    found
}
