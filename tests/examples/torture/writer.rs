//! A service that logs: numbered lines, in files that are rotated in every way.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use culprit_tests::random::Random;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::books::Key;
use crate::line::{banner, line};
use crate::world::World;

#[derive(Debug)]
pub(crate) struct Writer<'a> {
    world: &'a World,
    id: u64,
    folder: PathBuf,
    random: Random,
    lines: u64,
    logs: Vec<Log>,
    dated: u64,
}

/// One log of the service.
#[derive(Debug)]
struct Log {
    path: PathBuf,
    file: File,
    names: Names,
    /// Else it goes on at its old place when somebody truncates the file.
    appends: bool,
    begins_with_banner: bool,
    /// How many files it had.
    generation: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    /// `x.log.1`, `x.log.2`, …
    Chain,
    /// `x.log-2026112107`
    Dates,
    /// `x.log` leads to a file that is a log by its own name too.
    LinkToLog,
    /// `x.log` leads to a file that nobody would find without it.
    LinkToHidden,
}

const NAMES: [&str; 4] =
    ["nova/nova-compute.log", "neutron/neutron-server.log", "nova/nova-api.log", "cinder/cinder-volume.log"];
const MOST_LOGS: usize = 4;

/// Longer than an unfinished line is left alone.
const LONG_HALF: Duration = Duration::from_millis(5600);

impl<'a> Writer<'a> {
    pub(crate) fn new(world: &'a World, id: u64, folder: &Path, seed: u64) -> Result<Self> {
        let mut writer = Self {
            world,
            id,
            folder: folder.to_owned(),
            random: Random::new(seed),
            lines: 0,
            logs: Vec::new(),
            dated: 0,
        };
        writer.open_another()?;
        writer.burst(0, 1)?;
        Ok(writer)
    }

    pub(crate) fn run(mut self, steps: usize) -> Result<()> {
        let half_left = self.random.one_in(10).then(|| self.random.size(0, steps));
        for step in 0..steps {
            self.world.go_on()?;
            let at = self.random.size(0, self.logs.len());
            if half_left == Some(step) {
                self.world.count("half lines left");
                self.halves(at, LONG_HALF)?;
            }
            match self.random.below(20) {
                0..6 => {
                    let lines = self.random.mostly_small(150);
                    self.burst(at, lines + 1)?;
                }
                6..9 => {
                    let pause = self.pause(100);
                    self.halves(at, pause)?;
                }
                9..13 => std::thread::sleep(self.pause(200)),
                13..19 => self.rotate(at)?,
                _ if self.logs.len() < MOST_LOGS => {
                    self.world.count("files that appear later");
                    self.open_another()?;
                    self.burst(self.logs.len() - 1, 3)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn open_another(&mut self) -> Result<()> {
        let name = NAMES[self.logs.len()];
        let path = self.folder.join(name);
        fs::create_dir_all(path.parent().context("it lies in a folder")?)?;
        let names = match self.random.below(8) {
            0..4 => Names::Chain,
            4..6 => Names::Dates,
            6 => Names::LinkToLog,
            _ => Names::LinkToHidden,
        };
        let appends = !self.random.one_in(4);
        let begins_with_banner = self.random.one_in(3);
        let file = match names {
            Names::Chain | Names::Dates => open(&path, appends)?,
            Names::LinkToLog | Names::LinkToHidden => self.link(&path, names, 0)?,
        };
        self.logs.push(Log { path, file, names, appends, begins_with_banner, generation: 0 });
        self.begin(self.logs.len() - 1)
    }

    /// What a file has to begin with.
    fn begin(&mut self, at: usize) -> Result<()> {
        if !self.logs[at].begins_with_banner {
            return Ok(());
        }
        let key = self.next_key();
        let text = banner(key);
        self.enter(at, key, &text);
        self.put(at, &[text, b"\n".to_vec()].concat())
    }

    fn burst(&mut self, at: usize, lines: u64) -> Result<()> {
        let mut together = Vec::new();
        for _ in 0..lines {
            together.extend(self.next_line(at));
            if !self.random.one_in(3) {
                self.put(at, &std::mem::take(&mut together))?;
            }
        }
        self.put(at, &together)
    }

    /// A line that comes in two pieces.
    fn halves(&mut self, at: usize, pause: Duration) -> Result<()> {
        let text = self.next_line(at);
        let (first, second) = text.split_at(self.random.size(1, text.len()));
        self.put(at, first)?;
        std::thread::sleep(pause);
        self.put(at, second)
    }

    fn next_line(&mut self, at: usize) -> Vec<u8> {
        let key = self.next_key();
        let mut text = line(key, &mut self.random);
        self.enter(at, key, &text);
        text.push(b'\n');
        text
    }

    fn next_key(&mut self) -> Key {
        self.lines += 1;
        Key { writer: self.id, number: self.lines }
    }

    fn enter(&self, at: usize, key: Key, text: &[u8]) {
        let Log { path, generation, .. } = &self.logs[at];
        self.world.books.enter(key, text.to_owned(), &format!("`{}`, file {generation}", path.display()));
    }

    fn put(&mut self, at: usize, bytes: &[u8]) -> Result<()> {
        self.logs[at].file.write_all(bytes).context("failed to log")
    }

    fn pause(&mut self, milliseconds: u64) -> Duration {
        Duration::from_millis(self.random.below(milliseconds))
    }

    fn rotate(&mut self, at: usize) -> Result<()> {
        let Log { path, names, .. } = &self.logs[at];
        let (path, names) = (path.clone(), *names);
        if matches!(names, Names::LinkToLog | Names::LinkToHidden) {
            return self.switch_link(at, &path, names);
        }
        match self.random.below(8) {
            0..4 => self.rename(at, &path)?,
            4 | 5 => {
                self.rename(at, &path)?;
                self.compress(&path)?;
            }
            6 => self.copy_and_truncate(at, &path)?,
            _ => self.delete(at, &path)?,
        }
        Ok(())
    }

    fn rename(&mut self, at: usize, path: &Path) -> Result<()> {
        let aside = self.make_way(at, path)?;
        let renamed =
            |world: &World| world.note(format!("{} is renamed {}", path.display(), aside.display()));
        match self.random.below(3) {
            0 => {
                // A line is finished in the file that was renamed, and more follow, until somebody says otherwise.
                let text = self.next_line(at);
                let (first, second) = text.split_at(self.random.size(1, text.len()));
                self.put(at, first)?;
                fs::rename(path, &aside)?;
                renamed(self.world);
                std::thread::sleep(self.pause(100));
                self.put(at, second)?;
                let lines = self.random.below(20);
                self.burst(at, lines)?;
            }
            1 => {
                fs::rename(path, &aside)?;
                renamed(self.world);
                std::thread::sleep(self.pause(100));
            }
            _ => {
                fs::rename(path, &aside)?;
                renamed(self.world);
            }
        }
        self.world.count("renamed");
        self.reopen(at, path)
    }

    /// Some of what was put aside, as `delaycompress` does.
    fn compress(&mut self, path: &Path) -> Result<()> {
        let plain: Vec<PathBuf> =
            put_aside(path)?.into_iter().filter(|path| path.extension().is_none_or(|e| e != "gz")).collect();
        if plain.is_empty() {
            return Ok(());
        }
        let plain = self.random.pick(&plain).clone();
        let packed = PathBuf::from(format!("{}.gz", plain.display()));
        let mut encoder = GzEncoder::new(File::create(&packed)?, Compression::fast());
        io::copy(&mut File::open(&plain)?, &mut encoder)?;
        let file = encoder.finish()?;
        if self.random.one_in(2) {
            // As gzip and logrotate do.
            file.set_modified(fs::metadata(&plain)?.modified()?)?;
        }
        std::thread::sleep(self.pause(50));
        fs::remove_file(&plain)?;
        self.world.note(format!("{} is compressed", plain.display()));
        self.world.count("compressed");
        Ok(())
    }

    /// What is written between the copy and the truncation is lost to everybody, and so is what nobody has read.
    fn copy_and_truncate(&mut self, at: usize, path: &Path) -> Result<()> {
        if !self.world.comes_to_be_stored(self.id)? {
            return Ok(());
        }
        let aside = self.make_way(at, path)?;
        fs::copy(path, &aside)?;
        std::thread::sleep(self.pause(60));
        OpenOptions::new().write(true).open(path)?.set_len(0)?;
        self.world.note(format!("{} is copied to {} and truncated", path.display(), aside.display()));
        self.world.count("copied and truncated");
        self.logs[at].generation += 1;
        std::thread::sleep(self.pause(100));
        self.begin(at)?;
        self.burst(at, 1)
    }

    fn delete(&mut self, at: usize, path: &Path) -> Result<()> {
        if !self.world.comes_to_be_stored(self.id)? {
            return Ok(());
        }
        fs::remove_file(path)?;
        self.world.note(format!("{} is deleted", path.display()));
        self.world.count("deleted");
        std::thread::sleep(self.pause(100));
        self.reopen(at, path)
    }

    /// The old file of a hidden target is found by nobody any more.
    fn switch_link(&mut self, at: usize, path: &Path, names: Names) -> Result<()> {
        if names == Names::LinkToHidden && !self.world.comes_to_be_stored(self.id)? {
            return Ok(());
        }
        let file = self.link(path, names, self.logs[at].generation + 1)?;
        self.world.note(format!("{} leads to another file", path.display()));
        self.world.count("links switched");
        self.logs[at].file = file;
        self.logs[at].generation += 1;
        self.begin(at)
    }

    fn link(&self, path: &Path, names: Names, generation: u64) -> Result<File> {
        let stem = path.file_stem().context("it has a name")?.to_string_lossy();
        let target = match names {
            Names::LinkToLog => format!("{stem}-{generation:03}-{}.log", self.id),
            _ => format!("{stem}.{generation:03}.current"),
        };
        let folder = path.parent().context("it lies in a folder")?;
        let file = open(&folder.join(&target), true)?;
        let new = folder.join("new-link");
        symlink(target, &new)?;
        fs::rename(new, path)?;
        Ok(file)
    }

    fn reopen(&mut self, at: usize, path: &Path) -> Result<()> {
        let log = &mut self.logs[at];
        log.file = open(path, log.appends)?;
        log.generation += 1;
        self.begin(at)
    }

    /// The name that the newest file gets which is put aside; older ones move on.
    fn make_way(&mut self, at: usize, path: &Path) -> Result<PathBuf> {
        if self.logs[at].names == Names::Dates {
            self.dated += 1;
            return Ok(PathBuf::from(format!("{}-20261121{:02}", path.display(), self.dated)));
        }
        let named = |number: u64, packed: &str| PathBuf::from(format!("{}.{number}{packed}", path.display()));
        for number in (1..=self.logs[at].generation + 1).rev() {
            for packed in ["", ".gz"] {
                if named(number, packed).exists() {
                    fs::rename(named(number, packed), named(number + 1, packed))?;
                }
            }
        }
        Ok(named(1, ""))
    }
}

fn open(path: &Path, appends: bool) -> Result<File> {
    let mut options = OpenOptions::new();
    let options = if appends { options.append(true) } else { options.write(true) };
    options.create(true).open(path).with_context(|| format!("failed to open `{}`", path.display()))
}

fn put_aside(path: &Path) -> Result<Vec<PathBuf>> {
    let name = path.file_name().context("it has a name")?.to_string_lossy().into_owned();
    let folder = fs::read_dir(path.parent().context("it lies in a folder")?)?;
    let mut found: Vec<PathBuf> =
        folder.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>()?;
    found.retain(|path| {
        let other = path.file_name().unwrap_or_default().to_string_lossy();
        other.strip_prefix(&name).is_some_and(|rest| !rest.is_empty())
    });
    found.sort();
    Ok(found)
}
