//! Writes a recorded cloud's logs anew, line after line as they once came but faster, while `culprit up` follows them:
//! how soon is each failure told, and does the store then answer like one that was imported?

#![expect(clippy::print_stdout, reason = "a program that talks to a developer")]

use std::collections::{BTreeMap, HashMap};
use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use culprit_tests::score::{Examination, import_cloud};
use culprit_tests::session::Session;
use model::{Line, Timestamp};
use parse::{Annotator, Zone};
use serde_json::Value;

/// Lines of one file that are written together.
struct Piece {
    at: Timestamp,
    file: usize,
    text: Vec<u8>,
}

/// What was told, and when.
type Told = Arc<Mutex<Vec<(Instant, Value)>>>;

/// So much is written at a time.
const STEP: Duration = Duration::from_millis(20);
/// When nothing is told for so long after the last line, nothing will be.
const QUIET: Duration = Duration::from_secs(30);
/// What the issue of live verdicts asks for.
const SOON: Duration = Duration::from_secs(5);

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [cloud, binary, scratch, speed] = arguments.as_slice() else {
        anyhow::bail!("usage: replay CLOUD BINARY SCRATCH SPEED");
    };
    let (cloud, binary, scratch) = (Path::new(cloud), Path::new(binary), Path::new(scratch));
    let speed: f64 = speed.parse().context("SPEED is a number")?;
    let logs = scratch.join("logs");
    let (files, pieces) = read(cloud, &logs)?;
    let (first, last) = (pieces[0].at, pieces[pieces.len() - 1].at);
    println!("{} files, {:.0} s, at {speed} times the speed", files.len(), last.seconds_since(first));

    let (mut up, told) = follow(binary, scratch, &logs)?;
    let began = write(&files, pieces, speed)?;
    wait_until_quiet(&told);
    let stopped = Command::new("kill").args(["-TERM", &up.id().to_string()]).status()?;
    ensure!(stopped.success() && up.wait()?.success(), "culprit up ended badly");
    let told = told.lock().expect("nobody panicked").clone();
    tell_delays(&told, |at| began + Duration::from_secs_f64(at.seconds_since(first).max(0.0) / speed));

    let imported = scratch.join("imported");
    import_cloud(binary, cloud, &imported)?;
    compare(binary, &imported, &scratch.join("store"));
    let score = Examination::over(binary, cloud, &scratch.join("store"))?.mark()?;
    println!("{score}");
    Ok(())
}

/// Everything that is to be written, in order of time, and where.
fn read(cloud: &Path, logs: &Path) -> Result<(Vec<PathBuf>, Vec<Piece>)> {
    let mut sources = vec![(cloud.join("notifications.jsonl"), logs.join("notifications.jsonl"))];
    let mut folders = vec![cloud.join("logs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            match path.is_dir() {
                true => folders.push(path),
                false => sources.push((path.clone(), logs.join(path.strip_prefix(cloud.join("logs"))?))),
            }
        }
    }
    sources.sort();
    let (mut files, mut pieces) = (Vec::new(), Vec::new());
    for (number, (from, to)) in sources.into_iter().enumerate() {
        fs::create_dir_all(to.parent().context("it lies below")?)?;
        pieces.extend(pieces_of(number, &fs::read(&from)?));
        files.push(to);
    }
    pieces.sort_by_key(|piece| piece.at);
    Ok((files, pieces))
}

/// A line goes with the newest time that was seen in its file.
fn pieces_of(file: usize, text: &[u8]) -> Vec<Piece> {
    let mut annotator = Annotator::new(Zone::UTC);
    let mut pieces: Vec<Piece> = Vec::new();
    let mut untimed = Vec::new();
    for (number, raw) in (1..).zip(text.split_inclusive(|byte| *byte == b'\n')) {
        let mut line = Line { number, text: raw.strip_suffix(b"\n").unwrap_or(raw).to_vec() };
        let at = annotator.annotate(&mut line).timestamp;
        let newest = pieces.last().map(|piece| piece.at);
        match (at, newest) {
            (Some(at), Some(newest)) if at > newest => pieces.push(Piece { at, file, text: raw.to_vec() }),
            (Some(at), None) => pieces.push(Piece { at, file, text: [&untimed[..], raw].concat() }),
            (_, Some(_)) => pieces.last_mut().expect("there is one").text.extend_from_slice(raw),
            (None, None) => untimed.extend_from_slice(raw),
        }
    }
    pieces
}

fn follow(binary: &Path, scratch: &Path, logs: &Path) -> Result<(Child, Told)> {
    let mut up = Command::new(binary)
        .args(["--json", "--quiet", "--store"])
        .arg(scratch.join("store"))
        .args(["up", "--hosts-from-paths"])
        .arg(logs.join("**/*"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()?;
    let told = Told::default();
    let (rows, hears) = (BufReader::new(up.stdout.take().context("it is piped")?), Arc::clone(&told));
    std::thread::spawn(move || {
        for row in rows.lines().map_while(Result::ok) {
            let news = serde_json::from_str(&row).unwrap_or_default();
            hears.lock().expect("nobody panicked").push((Instant::now(), news));
        }
    });
    Ok((up, told))
}

/// When it began.
fn write(files: &[PathBuf], pieces: Vec<Piece>, speed: f64) -> Result<Instant> {
    let first = pieces[0].at;
    let began = Instant::now();
    let mut open: HashMap<usize, File> = HashMap::new();
    let mut pieces = pieces.into_iter().peekable();
    while pieces.peek().is_some() {
        let now = began.elapsed().as_secs_f64() * speed;
        let mut texts: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
        while let Some(piece) = pieces.next_if(|piece| piece.at.seconds_since(first) <= now) {
            texts.entry(piece.file).or_default().extend(piece.text);
        }
        for (file, text) in texts {
            let file = match open.entry(file) {
                std::collections::hash_map::Entry::Occupied(open) => open.into_mut(),
                std::collections::hash_map::Entry::Vacant(vacant) => {
                    vacant.insert(OpenOptions::new().create(true).append(true).open(&files[file])?)
                }
            };
            file.write_all(&text)?;
        }
        std::thread::sleep(STEP);
    }
    Ok(began)
}

fn wait_until_quiet(told: &Told) {
    let ended = Instant::now();
    let newest = || told.lock().expect("nobody panicked").last().map_or(ended, |(at, _)| *at);
    while newest().max(ended).elapsed() < QUIET {
        std::thread::sleep(STEP);
    }
}

/// How long after its last line each failure was told first. `written` says when a line of a time was written.
fn tell_delays(told: &[(Instant, Value)], written: impl Fn(Timestamp) -> Instant) {
    let mut delays: BTreeMap<&str, Duration> = BTreeMap::new();
    let mut rows = 0;
    for (at, news) in told.iter().filter(|(_, news)| news["event"] == "failed") {
        rows += 1;
        let (Some(request), Some(end)) = (news["request"].as_str(), news["end"].as_str()) else { continue };
        let Some(end) = query::moment(end, Timestamp::default()) else { continue };
        delays.entry(request).or_insert_with(|| at.saturating_duration_since(written(end)));
    }
    let mut sorted: Vec<Duration> = delays.values().copied().collect();
    sorted.sort();
    let at =
        |share: f64| sorted.get(((sorted.len() as f64 - 1.0) * share) as usize).copied().unwrap_or_default();
    println!(
        "told: {} requests in {rows} rows; after their last line p50 {:.2?}, p99 {:.2?}, the latest {:.2?}; later than {SOON:?}: {}",
        sorted.len(),
        at(0.5),
        at(0.99),
        at(1.0),
        sorted.iter().filter(|delay| **delay > SOON).count(),
    );
    for event in ["incident", "incident_over", "stuck"] {
        println!("{event}: {}", told.iter().filter(|(_, news)| news["event"] == event).count());
    }
    for (request, delay) in delays.iter().filter(|(_, delay)| **delay > SOON) {
        println!("LATE {request} {delay:.2?}");
    }
}

/// Where two stores disagree on what became of requests.
fn compare(binary: &Path, imported: &Path, followed: &Path) {
    let verdicts = |store: &Path| -> BTreeMap<String, String> {
        let session = Session { binary: binary.to_owned(), store: store.to_owned() };
        let of = |request: &Value| {
            let verdict = format!("{} {}", request["outcome"], request["cause"]["slug"]);
            (request["request"].to_string(), verdict)
        };
        session.json(&["requests", "-n", "0"]).iter().map(of).collect()
    };
    let (imported, followed) = (verdicts(imported), verdicts(followed));
    let keys: std::collections::BTreeSet<&String> = imported.keys().chain(followed.keys()).collect();
    let different: Vec<_> = keys.into_iter().filter(|key| imported.get(*key) != followed.get(*key)).collect();
    println!("{} requests, {} judged otherwise than by an import", imported.len(), different.len());
    for request in different.iter().take(20) {
        println!(
            "DIFFERENT {request}: {:?} by import, {:?} live",
            imported.get(*request),
            followed.get(*request)
        );
    }
}
