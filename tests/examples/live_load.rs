//! A large cloud's worth of lines, for minutes: does `culprit up` keep up, in how much memory, and how soon is a line found
//! that comes by way of an agent?

#![expect(clippy::print_stdout, reason = "a program that talks to a developer")]

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{env, thread};

use anyhow::{Context as _, Result};
use culprit_tests::running::Running;
use culprit_tests::session::Session;
use index::Reader;
use model::{Id, TimeRange};
use serde_json::Value;

/// A file that is written anew, as far as it has come.
struct Source {
    from: File,
    to: File,
    size: u64,
    written: u64,
    /// The beginning of a line whose end was not read yet.
    rest: Vec<u8>,
}

const STEP: Duration = Duration::from_millis(20);
const TELL: Duration = Duration::from_secs(15);
const PROBE: Duration = Duration::from_millis(250);
/// A line that is not found by then counts as this late.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [binary, corpus, scratch, rate, seconds] = arguments.as_slice() else {
        anyhow::bail!("usage: live_load BINARY CORPUS SCRATCH LINES_A_SECOND SECONDS");
    };
    let scratch = Path::new(scratch);
    let (rate, seconds): (f64, f64) = (rate.parse()?, seconds.parse()?);
    let logs = scratch.join("logs");
    let corpus = Path::new(corpus);
    let mut sources = sources(&corpus.join("logs"), &logs)?;
    let bytes_a_line = bytes_a_line(corpus)?;
    let session = Session { binary: PathBuf::from(binary), store: scratch.join("store") };
    let (up, address) = start_up(&session, &logs);
    let agent = start_agent(&session, scratch, &address);
    let over = Arc::new(AtomicBool::new(false));
    let probes = thread::spawn({
        let (scratch, store, over) = (scratch.to_owned(), session.store, Arc::clone(&over));
        move || probe(&scratch, &store, &over)
    });

    let total: u64 = sources.iter().map(|source| source.size).sum();
    let rate_in_bytes = rate * bytes_a_line;
    println!("{} files, {bytes_a_line:.0} bytes a line, {:.1} MB/s", sources.len(), rate_in_bytes / 1e6);
    println!(
        "{:>8} {:>12} {:>10} {:>10} {:>10} {:>8}",
        "seconds", "written MB", "behind MB", "up MB", "agent MB", "CPU s"
    );
    let (began, mut told) = (Instant::now(), Instant::now());
    while began.elapsed().as_secs_f64() < seconds {
        let share = (began.elapsed().as_secs_f64() * rate_in_bytes / total as f64).min(1.0);
        for source in &mut sources {
            source.write_up_to((source.size as f64 * share) as u64)?;
        }
        if told.elapsed() > TELL {
            told = Instant::now();
            let written: u64 = sources.iter().map(|source| source.written).sum();
            tell(began, written, &up, &agent, &address)?;
        }
        thread::sleep(STEP);
    }
    over.store(true, Ordering::Relaxed);
    let mut delays = probes.join().expect("it does not panic")?;
    delays.sort();
    let at = |share: f64| delays[((delays.len() - 1) as f64 * share) as usize];
    println!(
        "found through the agent: {} lines, p50 {:.2?}, p99 {:.2?}, the latest {:.2?}",
        delays.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
    println!("agent: {}", agent.end().trim_end());
    println!("up: {}", up.end().trim_end());
    Ok(())
}

/// All files below a folder, to be written to another.
fn sources(corpus: &Path, logs: &Path) -> Result<Vec<Source>> {
    let (mut sources, mut folders) = (Vec::new(), vec![corpus.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let to = logs.join(path.strip_prefix(corpus)?);
            fs::create_dir_all(to.parent().context("it lies below")?)?;
            let to = OpenOptions::new().create(true).append(true).open(to)?;
            let size = path.metadata()?.len();
            sources.push(Source { from: File::open(path)?, to, size, written: 0, rest: Vec::new() });
        }
    }
    Ok(sources)
}

/// As `cargo xtask gen-logs` counted them.
fn bytes_a_line(corpus: &Path) -> Result<f64> {
    let manifest: Value = serde_json::from_slice(&fs::read(corpus.join("manifest.json"))?)?;
    let files = manifest["files"].as_object().context("a manifest lists files")?;
    let logs = || files.iter().filter(|(path, _)| path.starts_with("logs/"));
    let sum = |key: &str| -> f64 { logs().filter_map(|(_, file)| file[key].as_f64()).sum() };
    Ok(sum("bytes") / sum("lines"))
}

impl Source {
    /// Whole lines only.
    fn write_up_to(&mut self, end: u64) -> Result<()> {
        let there = self.written + self.rest.len() as u64;
        if end <= there {
            return Ok(());
        }
        (&self.from).take(end - there).read_to_end(&mut self.rest)?;
        let Some(last) = self.rest.iter().rposition(|byte| *byte == b'\n') else { return Ok(()) };
        self.to.write_all(&self.rest[..=last])?;
        self.written += last as u64 + 1;
        self.rest.drain(..=last);
        Ok(())
    }
}

fn start_up(session: &Session, logs: &Path) -> (Running, String) {
    let pattern = logs.join("**/*").display().to_string();
    let arguments = [
        "--json",
        "up",
        "--hosts-from-paths",
        "--listen",
        "127.0.0.1:0",
        "--listen-forward",
        "127.0.0.1:0",
        "--syslog-udp",
        "127.0.0.1:0",
        "--syslog-tcp",
        "127.0.0.1:0",
        &pattern,
    ];
    let mut up = Running::start_silently(session.command(&arguments));
    let said = up.wait_for("watching");
    let address =
        said.split("http at ").nth(1).and_then(|rest| rest.split(';').next()).expect("it tells where");
    (up, address.trim().to_owned())
}

fn start_agent(session: &Session, scratch: &Path, address: &str) -> Running {
    let (buffer, pattern) = (scratch.join("buffer"), scratch.join("probe/*.log"));
    let (buffer, pattern) = (buffer.display().to_string(), pattern.display().to_string());
    let to = format!("http://{address}");
    let mut agent = Running::start_silently(
        session.command(&["agent", "--to", &to, "--buffer", &buffer, "--host", "probe", &pattern]),
    );
    agent.wait_for("watching");
    agent
}

/// How long it takes until lines are found, from when each was written.
fn probe(scratch: &Path, store: &Path, over: &AtomicBool) -> Result<Vec<Duration>> {
    let folder = scratch.join("probe");
    fs::create_dir_all(&folder)?;
    let mut file = OpenOptions::new().create(true).append(true).open(folder.join("nova-api.log"))?;
    let reader = Reader::open(store)?;
    let mut delays = Vec::new();
    for number in 1.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let id = format!("0679010f-c12e-4d7d-a1f6-{number:012x}");
        writeln!(file, "2026-11-21 03:00:00.000 1 INFO nova.probe [req-{id}] probe {number}")?;
        let written = Instant::now();
        let id = Id::parse(&id).context("it is an id")?;
        while written.elapsed() < PATIENCE {
            reader.renew()?;
            if !reader.lines_with(&id, TimeRange::ALL).is_empty() {
                break;
            }
            thread::sleep(STEP);
        }
        delays.push(written.elapsed());
        thread::sleep(PROBE);
    }
    Ok(delays)
}

fn tell(began: Instant, written: u64, up: &Running, agent: &Running, address: &str) -> Result<()> {
    let metrics = get(address, "/metrics")?;
    let number = |name: &str| {
        let row = metrics.lines().find(|row| row.starts_with(name)).and_then(|row| row.rsplit(' ').next());
        row.and_then(|number| number.parse::<f64>().ok()).unwrap_or(f64::NAN)
    };
    let stored: f64 = metrics
        .lines()
        .filter(|row| row.starts_with("culprit_text_bytes_total"))
        .filter_map(|row| row.rsplit(' ').next()?.parse::<f64>().ok())
        .sum();
    println!(
        "{:>8.0} {:>12.0} {:>10.1} {:>10.0} {:>10.0} {:>8.1}  watched {}, commits {}, longest {:.2} s",
        began.elapsed().as_secs_f64(),
        written as f64 / 1e6,
        (written as f64 - stored).max(0.0) / 1e6,
        memory(up.process())?,
        memory(agent.process())?,
        cpu(up.process())?,
        number("culprit_watched_requests"),
        number("culprit_commits_total"),
        number("culprit_commit_duration_longest_seconds"),
    );
    Ok(())
}

fn get(address: &str, path: &str) -> Result<String> {
    let mut stream = std::net::TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: culprit\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Resident, in MB.
fn memory(process: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let row = status.lines().find_map(|row| row.strip_prefix("VmRSS:")).context("the kernel tells it")?;
    let kilobytes: f64 = row.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes / 1e3)
}

/// Of user and kernel, in seconds; the kernel counts hundredths.
fn cpu(process: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks =
        |place: usize| fields.get(place).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
    Ok((ticks(11) + ticks(12)) / 100.0)
}
