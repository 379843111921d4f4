//! Measures the store with generated logs: each figure beside a reference of the same run. `cargo xtask bench` builds
//! and runs it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that talks to a developer")]

mod baseline;
mod corpus;
mod fresh;
mod process;

use std::fs::{self, File};
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use index::{CountFilter, Dimension, Limits, Query, Reader, StoredEvent};
use model::{Id, Severity, TimeRange, Timestamp};
use parse::Knowledge;
use query::Question;

use corpus::{Corpus, asked_ids, rare_texts, request_ids};
use process::{Usage, clock, peak_memory, run};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&Path> = arguments.iter().map(Path::new).collect();
    let outcome = match arguments[..] {
        [corpus, scratch] => Corpus::open(corpus).and_then(|corpus| baseline::index(&corpus, scratch)),
        [corpus, binary, scratch] => measure(corpus, binary, scratch),
        _ => Err(anyhow::anyhow!("`cargo xtask bench` knows the arguments")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

struct Bench<'a> {
    corpus: Corpus,
    binary: &'a Path,
    scratch: &'a Path,
    store: PathBuf,
    knowledge: Knowledge,
    /// From everywhere in the corpus.
    lines: Vec<String>,
    ids: Vec<String>,
}

fn measure(folder: &Path, binary: &Path, scratch: &Path) -> Result<()> {
    if scratch.exists() {
        fs::remove_dir_all(scratch)?;
    }
    fs::create_dir_all(scratch)?;
    let corpus = Corpus::open(folder)?;
    let lines = corpus.some_lines(20_000)?;
    let bench = Bench {
        ids: request_ids(&lines),
        lines,
        corpus,
        binary,
        scratch,
        store: scratch.join("store"),
        knowledge: Knowledge::load(None)?,
    };
    row(
        "logs",
        &format!("{:.0} MB", megabytes(bench.corpus.bytes())),
        &format!("{} files", bench.corpus.files.len()),
    );
    stage("importing, here and into the baseline");
    bench.import()?;
    stage("compressing with zstd");
    bench.size()?;
    stage("looking ids up");
    bench.lookups()?;
    stage("starting programs that look an id up");
    bench.processes()?;
    stage("asking why");
    bench.answers()?;
    stage("searching");
    bench.searches()?;
    row(
        "memory of whoever asks",
        &format!("{:.0} MB", megabytes(peak_memory("self").unwrap_or(0))),
        "resident at most, all of the above, files that are mapped among it",
    );
    stage("looking for lines while they are written");
    bench.freshness()?;
    fs::remove_dir_all(scratch)?;
    Ok(())
}

impl Bench<'_> {
    fn import(&self) -> Result<()> {
        let mut import = Command::new(self.binary);
        import.arg("--store").arg(&self.store).args(["--quiet", "import"]).args(self.corpus.roots());
        let ours = run(&mut import)?;
        let folder = self.scratch.join("baseline");
        let plain = run(Command::new(std::env::current_exe()?).arg(&self.corpus.folder).arg(&folder))?;
        fs::remove_dir_all(&folder)?;
        let speed = |bytes: u64, usage: Usage| megabytes(bytes) / usage.cpu.as_secs_f64();
        let ours_speed = speed(self.corpus.bytes(), ours);
        let plain_speed = speed(self.baseline_bytes(), plain);
        row(
            "import",
            &format!("{ours_speed:.1} MB per CPU s"),
            &format!(
                "at least 60; {:.1} times a tantivy document a line, {plain_speed:.1} (at least 4)",
                ours_speed / plain_speed
            ),
        );
        row(
            "import, by the clock",
            &format!("{:.1} MB/s", megabytes(self.corpus.bytes()) / ours.wall.as_secs_f64()),
            &format!("the other: {:.1} MB/s", megabytes(self.baseline_bytes()) / plain.wall.as_secs_f64()),
        );
        row(
            "import, memory",
            &format!("{:.0} MB", megabytes(ours.memory)),
            &format!("at most 400 MB; the other: {:.0} MB", megabytes(plain.memory)),
        );
        Ok(())
    }

    /// What the baseline was given.
    fn baseline_bytes(&self) -> u64 {
        self.corpus.sample(baseline::ENOUGH_BYTES).map(|(_, length)| length).sum()
    }

    fn size(&self) -> Result<()> {
        let mut packed = 0;
        for (path, _) in &self.corpus.files {
            packed += packed_size(path)?;
        }
        let disk = size_on_disk(&self.store)?;
        row(
            "size of the store",
            &format!("{:.4} of raw", ratio(disk, self.corpus.bytes())),
            &format!(
                "at most 0.13; {:.2} times zstd -3 of each file, {:.4} (at most 1.6)",
                ratio(disk, packed),
                ratio(packed, self.corpus.bytes())
            ),
        );
        Ok(())
    }

    fn lookups(&self) -> Result<()> {
        let reader = Reader::open(&self.store)?;
        let ids: Vec<Id> =
            self.ids.iter().filter_map(|id| Id::parse(id)).chain(asked_ids(&self.corpus.folder)?).collect();
        ensure!(ids.len() >= 100, "the corpus holds {} ids only", ids.len());
        // Every other one warms what a server that runs for a while has warm.
        ids.iter().step_by(2).for_each(|id| drop(reader.lines_with(id, TimeRange::ALL)));
        let (mut times, mut small, mut most) = (Vec::new(), Vec::new(), 0);
        for id in ids.iter().skip(1).step_by(2) {
            let began = Instant::now();
            let events = reader.lines_with(id, TimeRange::ALL).len();
            times.push(began.elapsed());
            most = most.max(events);
            if events <= 1000 {
                small.push(began.elapsed());
            }
        }
        row(
            "look an id up",
            &times_of(&mut times),
            &format!("p99 at most 10 ms; {} ids, of which the largest stands in {most} events", ids.len()),
        );
        row("  those in up to 1,000 events", &times_of(&mut small), &format!("{} ids", small.len()));
        Ok(())
    }

    /// Whole processes, against a search in the same files.
    fn processes(&self) -> Result<()> {
        const RUNS: (usize, usize) = (200, 5);
        let mut ours = Vec::new();
        for id in some(&self.ids, RUNS.0) {
            let mut lines = Command::new(self.binary);
            ours.push(clock(lines.arg("--store").arg(&self.store).args(["lines", id]))?);
        }
        let mut theirs = Vec::new();
        for id in some(&self.ids, RUNS.1) {
            let mut rg = Command::new("rg");
            theirs.push(clock(rg.args(["--no-config", "-uu", "-a", "-F", id]).args(self.corpus.roots()))?);
        }
        let (our, their) = (median(&mut ours), median(&mut theirs));
        row(
            "`culprit lines ID`, process",
            &times_of(&mut ours),
            &format!(
                "{:.0} times as fast as `rg ID`: {:.1} ms; at 10 GB at least 100",
                their.as_secs_f64() / our.as_secs_f64(),
                milliseconds(their)
            ),
        );
        let id = self.ids.first().context("there are ids")?;
        let zgrep = self.zgrep(id)?;
        let speed = zgrep.0 / zgrep.1.as_secs_f64();
        let whole = megabytes(self.corpus.bytes()) / speed;
        row("", "", &format!("`zgrep ID`: {speed:.0} MB/s, which would be {whole:.1} s"));
        Ok(())
    }

    /// A compressed copy of some lines: megabytes, and how long it took.
    fn zgrep(&self, id: &str) -> Result<(f64, Duration)> {
        const ENOUGH: u64 = 100_000_000;
        let packed = self.scratch.join("packed.gz");
        let mut encoder =
            flate2::write::GzEncoder::new(File::create(&packed)?, flate2::Compression::default());
        let mut bytes = 0;
        for (path, length) in self.corpus.sample(ENOUGH) {
            bytes += std::io::copy(&mut File::open(path)?.take(length), &mut encoder)?;
        }
        encoder.finish()?;
        let began = Instant::now();
        // It finds the id, or not: both are an answer. Into nowhere it would stop at the first one.
        Command::new("zgrep")
            .args(["-a", "-F", id])
            .arg(&packed)
            .output()
            .context("failed to start zgrep")?;
        Ok((megabytes(bytes), began.elapsed()))
    }

    fn answers(&self) -> Result<()> {
        let engine = query::Engine::open(&self.store, Knowledge::load(None)?)?;
        let mut times = Vec::new();
        for id in asked_ids(&self.corpus.folder)? {
            let began = Instant::now();
            let answer = engine.judge(&id);
            times.push(began.elapsed());
            drop(answer);
        }
        row(
            "why, in process",
            &times_of(&mut times),
            &format!("p99 at most 100 ms; {} ids of known faults", times.len()),
        );
        Ok(())
    }

    fn searches(&self) -> Result<()> {
        let reader = Reader::open(&self.store)?;
        let engine = query::Engine::open(&self.store, Knowledge::load(None)?)?;
        let (words, phrases) = rare_texts(&self.lines);
        self.rare(&engine, "a rare word", &words, str::to_owned)?;
        self.rare(&engine, "a rare phrase", &phrases, |phrase| format!("\"{phrase}\""))?;
        let rg = clock(
            Command::new("rg")
                .args(["--no-config", "-uu", "-a", "-w", "-c", "ERROR|CRITICAL"])
                .args(self.corpus.roots()),
        )?;
        let rg = format!("`rg -wc 'ERROR|CRITICAL'`: {:.0} ms", milliseconds(rg));
        let newest = Limits { events: 100, ..Limits::NONE };
        for (name, least) in
            [("newest 100, level>=error", Severity::Error), ("newest 100, level>=warning", Severity::Warning)]
        {
            timed(name, &format!("at most 20 ms; {rg}"), || {
                let fits = |event: &StoredEvent| event.annotation.severity >= least;
                reader.search(&Query::Level(least), &newest, &mut |event| fits(event)).events.len()
            });
        }
        let all = CountFilter::default();
        timed("levels by minute, everything", &format!("at most 50 ms; {rg}"), || {
            reader.histogram(TimeRange::ALL, 1, Dimension::Level, &all).len()
        });
        ensure!(reader.damage().is_empty(), "{:?}", reader.damage());
        Ok(())
    }

    /// `query` writes what asks for a text.
    fn rare(
        &self,
        engine: &query::Engine,
        name: &str,
        texts: &[String],
        query: fn(&str) -> String,
    ) -> Result<()> {
        const RARE: usize = 100;
        const LONGEST: Duration = Duration::from_secs(2);
        let (mut times, mut events) = (Vec::new(), 0);
        let mut sample = None;
        for text in some(texts, 100) {
            let expression = query::parse(&query(text), Timestamp::MAX)
                .map_err(|error| anyhow::anyhow!("`{text}`: {error}"))?;
            let began = Instant::now();
            let keep_going = || began.elapsed() < LONGEST;
            let question =
                Question { expression: &expression, after: None, limit: RARE, keep_going: &keep_going };
            let found = engine.search(question).passages.len();
            if found < RARE {
                times.push(began.elapsed());
                events += found;
                sample = sample.or(Some(text));
            }
        }
        let Some(sample) = sample else {
            row(name, "-", "the corpus holds none");
            return Ok(());
        };
        let theirs = clock(
            Command::new("rg")
                .args(["--no-config", "-uu", "-a", "-i", "-w", "-F", sample])
                .args(self.corpus.roots()),
        )?;
        let figure = times_of(&mut times);
        let reference = format!(
            "at most 100 ms; {} texts, {:.1} events each; given up after 2,000 ms; `rg -iw`: {:.0} ms",
            times.len(),
            ratio(events as u64, times.len() as u64),
            milliseconds(theirs)
        );
        row(name, &figure, &reference);
        Ok(())
    }

    fn freshness(&self) -> Result<()> {
        let store = self.scratch.join("fresh");
        let mut outcome = fresh::measure(&self.corpus, &self.knowledge, &store)?;
        let speed = megabytes(outcome.bytes as u64) / outcome.wall.as_secs_f64();
        let largest = outcome.times.last().copied().unwrap_or_default();
        row(
            "until a new line is found",
            &times_of(&mut outcome.times),
            &format!("p99 at most 250 ms; the largest {:.0} ms, at {speed:.0} MB/s", milliseconds(largest)),
        );
        Ok(())
    }
}

fn timed(name: &str, bar: &str, mut ask: impl FnMut() -> usize) {
    let mut times = Vec::new();
    let mut answer = 0;
    let began = Instant::now();
    answer += ask();
    let first = began.elapsed();
    for _ in 0..20 {
        let began = Instant::now();
        answer = ask();
        times.push(began.elapsed());
    }
    row(
        name,
        &times_of(&mut times),
        &format!("{bar}; the first time {:.1} ms; {answer} rows", milliseconds(first)),
    );
}

fn times_of(times: &mut [Duration]) -> String {
    times.sort();
    let at = |percent: usize| {
        times.get(times.len().saturating_sub(1) * percent / 100).copied().unwrap_or_default()
    };
    format!("p50 {:.1} ms, p99 {:.1} ms", milliseconds(at(50)), milliseconds(at(99)))
}

/// As many as wanted, from evenly distant places.
fn some(texts: &[String], wanted: usize) -> impl Iterator<Item = &String> {
    texts.iter().step_by((texts.len() / wanted).max(1))
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn packed_size(path: &Path) -> Result<u64> {
    struct Count(u64);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    zstd::stream::copy_encode(BufReader::new(File::open(path)?), &mut count, 3)?;
    Ok(count.0)
}

fn size_on_disk(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        bytes +=
            if entry.file_type()?.is_dir() { size_on_disk(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(bytes)
}

/// The table is what is printed.
fn stage(what: &str) {
    eprintln!("… {what}");
}

fn row(what: &str, figure: &str, reference: &str) {
    println!("{what:<30}{figure:>32}   {reference}");
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn megabytes(bytes: u64) -> f64 {
    ratio(bytes, 1_000_000)
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn ratio(one: u64, other: u64) -> f64 {
    one as f64 / other as f64
}
