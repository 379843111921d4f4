//! Kills writers of a store at any moment, tears their files, fills their disks, and counts every line afterwards.
//! `cargo xtask crash` builds and runs it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that talks to a developer")]

mod account;
mod corruption;
mod fault;
mod product;
mod retention;
mod system_calls;
mod truth;
mod writer;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::ops::AddAssign;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use account::{settle_accounts, watch};
use culprit_tests::random::Random;
use culprit_tests::small_disk::SmallDisk;
use fault::{End, Fault, suffer, tear};
use index::{StoreError, verify};
use model::Timestamp;
use retention::Retention;
use system_calls::{Injection, can_be_traced, was_synced};
use truth::Truth;

/// One run in so many is done with the program itself; the others with a writer that commits far more often.
const PRODUCT_RUNS: u64 = 8;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["retain", store, oldest] => retain(store, oldest),
        ["writer", store, cloud, corpus, seed, wait] => write(store, cloud, corpus, seed, wait),
        [cloud, binary, runs, seed, scratch] => harness(cloud, binary, runs, seed, scratch),
        _ => Err(anyhow::anyhow!("`cargo xtask crash` knows the arguments")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A disk that refuses every write refuses this one too.
            writeln!(std::io::stderr(), "error: {error:#}").unwrap_or_default();
            ExitCode::FAILURE
        }
    }
}

fn write(store: &str, cloud: &str, corpus: &str, seed: &str, wait: &str) -> Result<()> {
    let truth = Truth::choose(Path::new(cloud), corpus.parse()?)?;
    writer::run(Path::new(store), &truth, seed.parse()?, wait == "wait")
}

/// `oldest` in seconds.
fn retain(store: &str, oldest: &str) -> Result<()> {
    retention::run(Path::new(store), Timestamp::from_nanos(oldest.parse::<i64>()? * 1_000_000_000))
}

/// What all runs share.
struct Harness {
    cloud: PathBuf,
    /// The program.
    binary: PathBuf,
    /// This program.
    writer: PathBuf,
    scratch: PathBuf,
    /// Disks of a chosen size can be mounted.
    disks: bool,
    /// System calls can be refused and watched.
    traced: bool,
    /// How long an undisturbed writer takes here, and an undisturbed import.
    writer_speed: Speed,
    import_speed: Speed,
}

/// To know when to strike.
#[derive(Clone, Copy, Debug)]
struct Speed {
    bytes: usize,
    took: Duration,
}

impl Speed {
    fn measure(truth: &Truth, command: &mut Command) -> Result<Self> {
        let began = Instant::now();
        let status = command.status().context("failed to start a writer")?;
        ensure!(status.success(), "an undisturbed writer ended with {status}");
        Ok(Self { bytes: truth.bytes(), took: began.elapsed() })
    }

    fn time_for(self, bytes: usize) -> Duration {
        let times = u32::try_from(bytes * 100 / self.bytes.max(1)).unwrap_or(u32::MAX);
        self.took.saturating_mul(times) / 100
    }
}

/// What happened in one run, or in all.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    runs: u64,
    kills: u64,
    torn: u64,
    full_disks: u64,
    other_errors: u64,
    refused_writers: u64,
    looks: u64,
    wrong_bytes: u64,
    lost: u64,
    duplicated: u64,
    wrong: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.runs += other.runs;
        self.kills += other.kills;
        self.torn += other.torn;
        self.full_disks += other.full_disks;
        self.other_errors += other.other_errors;
        self.refused_writers += other.refused_writers;
        self.looks += other.looks;
        self.wrong_bytes += other.wrong_bytes;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.wrong += other.wrong;
    }
}

fn harness(cloud: &str, binary: &str, runs: &str, seed: &str, scratch: &str) -> Result<()> {
    let (runs, first): (u64, u64) = (runs.parse()?, seed.parse()?);
    let scratch = PathBuf::from(scratch);
    fs::create_dir_all(&scratch)?;
    let disks = SmallDisk::mount(&scratch.join("disk"), 100).is_ok();
    if !disks {
        println!("No disk can be mounted: files that cannot grow stand in for full disks.");
    }
    let traced = can_be_traced();
    if !traced {
        println!("No process can be traced: refused system calls, and whether all is synced, are SKIPPED.");
    }
    let writer = std::env::current_exe()?;
    let measured = scratch.join("measured");
    let truth = Truth::choose(Path::new(cloud), first)?;
    truth.write(&measured.join("logs"))?;
    let mut undisturbed = Command::new(&writer);
    undisturbed.arg("writer").arg(measured.join("written")).args([cloud, &first.to_string(), "0", "go"]);
    let mut import = Command::new(binary);
    product::import(&mut import, &measured.join("imported"), &measured.join("logs"), 0);
    let harness = Harness {
        cloud: cloud.into(),
        binary: binary.into(),
        disks,
        traced,
        writer_speed: Speed::measure(&truth, &mut undisturbed)?,
        import_speed: Speed::measure(&truth, &mut import)?,
        writer,
        scratch,
    };
    fs::remove_dir_all(&measured)?;
    let (total, next, failed) = (Mutex::new(Tally::default()), AtomicU64::new(0), AtomicU64::new(0));
    let began = Instant::now();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let run = next.fetch_add(1, Ordering::Relaxed);
                    if run >= runs {
                        return;
                    }
                    if let Err(error) = harness.one(first + run, &total) {
                        failed.fetch_add(1, Ordering::Relaxed);
                        eprintln!("run with --seed {} failed: {error:#}", first + run);
                    }
                    if (run + 1) % 50 == 0 {
                        println!("{} runs, {:.0} s", run + 1, began.elapsed().as_secs_f64());
                    }
                }
            });
        }
    });
    let failed = failed.into_inner();
    let tally = total.into_inner().context("a run panicked")?;
    println!(
        "runs {runs}, kills {}, torn files {}, full disks {}, other refused writes {}, looks of readers {}, \
         second writers refused {}, wrong bytes {}, lost {}, duplicated {}, wrong {}, failed runs {failed}, {:.0} s",
        tally.kills,
        tally.torn,
        tally.full_disks,
        tally.other_errors,
        tally.looks,
        tally.refused_writers,
        tally.wrong_bytes,
        tally.lost,
        tally.duplicated,
        tally.wrong,
        began.elapsed().as_secs_f64()
    );
    ensure!(
        failed == 0,
        "{failed} of {runs} runs failed; their folders are kept in `{}`",
        harness.scratch.display()
    );
    Ok(())
}

impl Harness {
    fn one(&self, seed: u64, total: &Mutex<Tally>) -> Result<()> {
        let folder = self.scratch.join(seed.to_string());
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let mut run = Run {
            harness: self,
            folder: &folder,
            truth: Truth::choose(&self.cloud, seed)?,
            seed,
            random: Random::new(!seed),
            tally: Tally { runs: 1, ..Tally::default() },
        };
        let outcome = if seed.is_multiple_of(PRODUCT_RUNS) { run.product() } else { run.store() };
        *total.lock().expect("nobody panics holding it") += run.tally;
        outcome?;
        ensure!(run.tally.lost + run.tally.duplicated + run.tally.wrong == 0, "{:?}", run.tally);
        fs::remove_dir_all(&folder)?;
        Ok(())
    }
}

struct Run<'a> {
    harness: &'a Harness,
    folder: &'a Path,
    truth: Truth,
    seed: u64,
    random: Random,
    tally: Tally,
}

impl Run<'_> {
    /// A writer that does nothing but write.
    fn store(&mut self) -> Result<()> {
        let disk = self.small_disk()?;
        let store = self.folder.join("disk/store");
        fs::create_dir_all(self.folder.join("disk"))?;
        if self.random.one_in(8) {
            self.refuse_second_writer(&store)?;
        }
        let stop = AtomicBool::new(false);
        let (truth, seed) = (self.truth.clone(), self.seed);
        let looks = std::thread::scope(|scope| {
            let watched = self.random.one_in(3);
            let watcher = watched.then(|| scope.spawn(|| watch(&store, &truth, seed, &stop)));
            let usual = self.harness.writer_speed.time_for(truth.bytes());
            let written = self.write_disturbed(&store, disk.as_ref(), usual, &|run, fault| {
                let mut command = fault.command(&run.harness.writer, &run.calls());
                run.writer_arguments(&mut command, &store, false);
                command
            });
            stop.store(true, Ordering::Relaxed);
            let looks = watcher.map(|watcher| watcher.join().expect("it does not panic"));
            written.and(looks.unwrap_or(Ok(0)))
        });
        self.tally.looks += looks?;
        self.settle(|random| settle_accounts(&store, &truth, random))?;
        for _ in 0..2 {
            self.tally.wrong_bytes += 1;
            corruption::flip_a_byte(&store, &truth, &mut self.random)?;
        }
        self.retain(&store)
    }

    /// Whole days are dropped, and that is disturbed too.
    fn retain(&mut self, store: &Path) -> Result<()> {
        let Some(oldest) = writer::some_time(&self.truth, &mut self.random) else { return Ok(()) };
        let retention = Retention::rehearse(store, &self.folder.join("rehearsed"), oldest)?;
        let seconds = (oldest.nanos() / 1_000_000_000).to_string();
        for _ in 0..2 {
            let fault = match self.harness.traced {
                true => Fault::Traced(Injection::kill_early(&mut self.random)),
                false => Fault::Kill(Duration::from_micros(self.random.below(20_000))),
            };
            let mut command = fault.command(&self.harness.writer, &self.calls());
            command.arg("retain").arg(store).arg(&seconds);
            let end = suffer(command, fault, store, false)?;
            self.tally.kills += u64::from(end == End::Killed);
            self.check_commit(store, fault)?;
            retention.check(store, end == End::Done)?;
        }
        let mut command = Command::new(&self.harness.writer);
        command.arg("retain").arg(store).arg(&seconds);
        suffer(command, Fault::None, store, false)?;
        retention.check(store, true)
    }

    /// The program itself.
    fn product(&mut self) -> Result<()> {
        let disk = self.small_disk()?;
        let store = self.folder.join("disk/store");
        fs::create_dir_all(self.folder.join("disk"))?;
        let logs = product::logs(self.folder);
        let truth = self.truth.clone();
        truth.write(&logs)?;
        let usual = self.harness.import_speed.time_for(truth.bytes());
        let import = |run: &mut Self, fault: Fault| {
            let mut command = fault.command(&run.harness.binary, &run.calls());
            product::import(&mut command, &store, &logs, run.random.number());
            command
        };
        if self.random.one_in(2) {
            product::cut_files(&logs, &truth, &mut self.random)?;
            self.write_disturbed(&store, disk.as_ref(), usual, &import)?;
            truth.write(&logs)?;
        }
        self.write_disturbed(&store, disk.as_ref(), usual, &import)?;
        let binary = &self.harness.binary;
        self.settle(|random| product::compare(binary, &store, &logs, &truth, random))?;
        if self.harness.traced {
            product::a_refused_read_is_told(binary, &store, &truth, &self.calls(), &mut self.random)?;
        }
        Ok(())
    }

    fn calls(&self) -> PathBuf {
        self.folder.join("calls")
    }

    /// What is committed is whole before anybody opens the store to write, and was synced in time.
    fn check_commit(&self, store: &Path, fault: Fault) -> Result<()> {
        let mut committed = Vec::new();
        match verify(store, &mut |path| committed.push(path.to_owned())) {
            // It did not come so far.
            Err(StoreError::Missing { .. }) => return Ok(()),
            damage => ensure!(damage?.is_empty(), "{fault:?} left damage: {:?}", verify(store, &mut |_| ())?),
        }
        if matches!(fault, Fault::Traced(_)) {
            let folders: Vec<PathBuf> = committed.iter().filter(|path| path.is_dir()).cloned().collect();
            for folder in folders {
                committed.extend(fault::files(&folder)?);
            }
            was_synced(&self.calls(), store, &committed).with_context(|| format!("{fault:?}"))?;
        }
        Ok(())
    }

    /// Starts a writer again and again, each time with another fault, and at last without.
    fn write_disturbed(
        &mut self,
        store: &Path,
        disk: Option<&SmallDisk>,
        usual: Duration,
        command: &dyn Fn(&mut Self, Fault) -> Command,
    ) -> Result<()> {
        let small = disk.is_some() && !self.is_grown();
        for _ in 0..self.random.size(2, 12) {
            // Each goes on where the one before it was struck.
            let fault = Fault::choose(&mut self.random, usual / 2, self.harness.traced);
            let command = command(self, fault);
            let end = suffer(command, fault, store, small)?;
            self.check_commit(store, fault)?;
            match end {
                // Nothing is left to disturb.
                End::Done => break,
                End::Killed => self.tally.kills += 1,
                End::Failed if fault.may_fail() => self.tally.other_errors += 1,
                End::Failed => self.tally.full_disks += 1,
            }
            if end == End::Killed && self.random.one_in(2) {
                let torn = tear(store, &mut self.random);
                // On a full disk there may be no room for what is left lying about.
                self.tally.torn += if small { torn.unwrap_or(0) } else { torn? };
            }
        }
        if let (true, Some(disk)) = (small, disk) {
            // At last it runs into the wall for sure.
            let command = command(self, Fault::None);
            if suffer(command, Fault::None, store, true)? == End::Failed {
                self.tally.full_disks += 1;
            }
            disk.grow()?;
            fs::write(self.folder.join("grown"), b"")?;
        }
        let command = command(self, Fault::None);
        let end = suffer(command, Fault::None, store, false)?;
        ensure!(end == End::Done, "an undisturbed writer ended with {end:?}");
        Ok(())
    }

    fn is_grown(&self) -> bool {
        self.folder.join("grown").exists()
    }

    fn small_disk(&mut self) -> Result<Option<SmallDisk>> {
        if !self.harness.disks || !self.random.one_in(3) {
            return Ok(None);
        }
        let kilobytes = 64 + self.random.below(self.truth.bytes() as u64 / 3 / 1024 + 64);
        SmallDisk::mount(&self.folder.join("disk"), kilobytes).map(Some)
    }

    fn settle(&mut self, account: impl FnOnce(&mut Random) -> Result<account::Account>) -> Result<()> {
        let mut random = Random::new(self.random.number());
        let account = account(&mut random)?;
        self.tally.lost += account.lost.len() as u64;
        self.tally.duplicated += account.duplicated;
        self.tally.wrong += account.wrong;
        Ok(())
    }

    fn writer_arguments(&mut self, command: &mut Command, store: &Path, wait: bool) {
        let numbers = [self.seed, self.random.number()].map(|number| number.to_string());
        command.arg("writer").arg(store).arg(&self.harness.cloud).args(numbers);
        command.arg(if wait { "wait" } else { "go" });
    }

    fn refuse_second_writer(&mut self, store: &Path) -> Result<()> {
        let mut command = Command::new(&self.harness.writer);
        self.writer_arguments(&mut command, store, true);
        let mut holder =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut line = String::new();
        BufReader::new(holder.stdout.take().context("stdout is piped")?).read_line(&mut line)?;
        let outcome = match line.trim() {
            "open" => {
                self.tally.refused_writers += 1;
                product::second_writer_is_refused(
                    &self.harness.binary,
                    store,
                    &self.harness.cloud,
                    holder.id(),
                )
            }
            // The disk was too small to open a store.
            _ => Ok(()),
        };
        holder.kill()?;
        holder.wait()?;
        outcome
    }
}
