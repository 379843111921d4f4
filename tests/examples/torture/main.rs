//! Follows logs that grow and rotate, with agents, a central server and a broker, while processes are killed and disks are
//! full, and counts every line afterwards. `cargo xtask torture` builds and runs it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that talks to a developer")]

mod run;

mod plan;

mod publisher;
mod writer;

mod disk;
mod service;

mod books;
mod line;
mod world;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use culprit_tests::rabbitmq::{Broker, Folder};
use culprit_tests::small_disk::SmallDisk;

use books::Account;
use plan::Plan;
use run::{Run, Surroundings};
use world::{Counts, World};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        [binary, runs, seed, scratch] => harness(binary, runs, seed, scratch),
        _ => Err(anyhow::anyhow!("`cargo xtask torture` knows the arguments")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What all runs share.
struct Harness {
    binary: PathBuf,
    scratch: PathBuf,
    /// Disks of a chosen size can be mounted.
    disks: bool,
    broker: Mutex<Broker>,
    total: Mutex<Total>,
}

#[derive(Debug, Default)]
struct Total {
    counts: Counts,
    lines: u64,
    account: Account,
}

fn harness(binary: &str, runs: &str, seed: &str, scratch: &str) -> Result<()> {
    let (runs, first): (u64, u64) = (runs.parse()?, seed.parse()?);
    let scratch = PathBuf::from(scratch);
    fs::create_dir_all(&scratch)?;
    let disks = SmallDisk::mount(&scratch.join("disk"), 100).is_ok();
    if !disks {
        println!("No disk can be mounted: full disks are SKIPPED.");
    }
    // Most of a run is waiting.
    let workers = 2 * std::thread::available_parallelism().map_or(1, usize::from);
    let virtual_hosts: Vec<String> = (0..workers).map(|worker| format!("cloud-{worker}")).collect();
    let broker = scratch.join(format!("broker-{}", std::process::id()));
    let harness = Harness {
        binary: binary.into(),
        disks,
        broker: Mutex::new(Broker::start(&broker, Folder::Stays, &virtual_hosts)?),
        scratch,
        total: Mutex::default(),
    };
    let (next, failed) = (AtomicU64::new(0), AtomicU64::new(0));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for virtual_host in &virtual_hosts {
            scope.spawn(|| {
                loop {
                    let run = next.fetch_add(1, Ordering::Relaxed);
                    if run >= runs {
                        return;
                    }
                    if let Err(error) = harness.one(first + run, virtual_host) {
                        failed.fetch_add(1, Ordering::Relaxed);
                        eprintln!("run with --seed {} failed: {error:#}", first + run);
                    }
                    if (run + 1) % 25 == 0 {
                        println!("{} runs, {:.0} s", run + 1, began.elapsed().as_secs_f64());
                    }
                }
            });
        }
    });
    let failed = failed.into_inner();
    let Harness { total, broker: running, scratch, .. } = harness;
    drop(running);
    fs::remove_dir_all(broker)?;
    let Total { counts, lines, account } = total.into_inner().context("a run panicked")?;
    let counts: Vec<String> = counts.iter().map(|(what, count)| format!("{what} {count}")).collect();
    println!(
        "runs {runs}, lines {lines}, {}, lost {}, doubled {}, altered {}, failed runs {failed}, {:.0} s",
        counts.join(", "),
        account.lost.len(),
        account.doubled.len(),
        account.altered.len(),
        began.elapsed().as_secs_f64()
    );
    ensure!(failed == 0, "{failed} of {runs} runs failed; their folders are kept in `{}`", scratch.display());
    Ok(())
}

impl Harness {
    fn one(&self, seed: u64, virtual_host: &str) -> Result<()> {
        let folder = self.scratch.join(seed.to_string());
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let around = Surroundings {
            binary: &self.binary,
            folder: &folder,
            seed,
            broker: &self.broker,
            virtual_host: virtual_host.to_owned(),
        };
        let plan = Plan::draw(seed, self.disks);
        let world = World::new(&folder, &Run::store(&folder))?;
        world.note(format!("{plan:?}"));
        let mut run = Run::new(&around, &plan, &world)?;
        let account = run.go();
        let is_clean = account.as_ref().is_ok_and(Account::is_clean);
        if !is_clean {
            run.keep();
        }
        drop(run);
        self.add(&world, account.as_ref().ok());
        let account = account?;
        ensure!(is_clean, "{}", account.shown());
        remove(&folder)
    }

    fn add(&self, world: &World, account: Option<&Account>) {
        let mut total = self.total.lock().expect("nobody panics holding it");
        total.lines += world.books.lines();
        for (what, count) in world.counts() {
            *total.counts.entry(what).or_default() += count;
        }
        if let Some(Account { lost, doubled, altered }) = account.cloned() {
            total.account.lost.extend(lost);
            total.account.doubled.extend(doubled);
            total.account.altered.extend(altered);
        }
    }
}

fn remove(folder: &Path) -> Result<()> {
    fs::remove_dir_all(folder).with_context(|| format!("failed to remove `{}`", folder.display()))
}
