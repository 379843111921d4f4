//! What an agent costs: memory and processor of one that follows a file which grows by so many lines a second.
//!
//!     cargo run --release -p agent --example agent_load [LINES A SECOND] [SECONDS] [MILLISECONDS TO AN ANSWER]
//!
//! The writer and the server, which acknowledges whatever comes, are another process: this program again. The server
//! answers as late as one that commits first (300 ms).

#![expect(clippy::print_stdout, reason = "a program that talks to whoever measures")]

use std::convert::Infallible;
use std::error::Error;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use agent::{Agent, AgentSettings, CentralUrl, Mask};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use ingest::{LiveSource as _, LiveTail, TailSettings};
use model::Line;
use parse::Masker;
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Written before anything is measured.
const WARM_UP: u64 = 3;

/// As in the program, but for private keys in several texts.
#[derive(Debug, Default)]
struct Masked(Masker);

impl Mask for Masked {
    fn mask(&mut self, _text: u128, lines: &mut [Line]) {
        lines.iter_mut().for_each(|line| self.0.mask(&mut line.text));
    }
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // The allocator asks for huge pages, and an agent would hold 50 MB for what fits into 15.
    rustix::thread::disable_transparent_huge_pages(true)?;
    match arguments.split_first() {
        Some((role, rest)) if role == "world" => world(rest),
        _ => measure(&arguments),
    }
}

fn number(arguments: &[String], place: usize, otherwise: u64) -> Outcome<u64> {
    Ok(arguments.get(place).map_or(Ok(otherwise), |number| number.parse())?)
}

fn measure(arguments: &[String]) -> Outcome<()> {
    let per_second = number(arguments, 0, 5000)?;
    let seconds = number(arguments, 1, 30)?;
    let answer_after = number(arguments, 2, 300)?;
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("nova-compute.log");
    fs::write(&log, "")?;
    let (mut world, address) = start_world(&log, per_second, seconds + WARM_UP, answer_after)?;

    let settings = AgentSettings::new(
        "compute-02",
        CentralUrl::parse(&format!("http://{address}"))?,
        folder.path().join("spool"),
    );
    let agent = Agent::open(settings, Box::<Masked>::default())?;
    let mut status = agent.status();
    let stop = CancellationToken::new();
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (out, deliveries) = mpsc::channel(32);
    let (report, _reports) = mpsc::channel(16);
    let patterns = vec![log.display().to_string()];
    let tail = LiveTail::new(TailSettings { patterns, ..TailSettings::default() }, agent.known_files())?;
    runtime.spawn(tail.run(out, stop.clone()));
    let running = runtime.spawn(agent.run(deliveries, stop.clone(), report));

    let all = per_second * (seconds + WARM_UP);
    let lines = |target: u64, status: &mut tokio::sync::watch::Receiver<agent::AgentStatus>| {
        runtime.block_on(status.wait_for(|status| status.sent >= target)).map(|status| status.clone())
    };
    lines(per_second * WARM_UP, &mut status)?;
    let (began, before) = (Instant::now(), processor_ticks()?);
    let after = lines(all, &mut status)?;
    let (elapsed, ticks) = (began.elapsed().as_secs_f64(), processor_ticks()? - before);
    // 100 ticks a second, as Linux tells every program.
    let share = f64::from(u32::try_from(ticks)?) / 100.0 / elapsed;
    let (resident, most) = (memory("VmRSS:")?, memory("VmHWM:")?);
    stop.cancel();
    runtime.block_on(running)??;
    world.wait()?;
    println!(
        "{per_second} lines/s for {elapsed:.0} s: {:.1} % of a core, {resident} KiB resident (at most {most}), {} MB in {} requests",
        100.0 * share,
        after.bytes / 1_000_000,
        after.requests,
    );
    Ok(())
}

/// User and system time of this process, in ticks.
fn processor_ticks() -> Outcome<u64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no process")?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut next = || -> Outcome<u64> { Ok(fields.next().ok_or("no time")?.parse()?) };
    Ok(next()? + next()?)
}

/// In KiB.
fn memory(what: &str) -> Outcome<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(what)).ok_or("no such figure")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

fn start_world(log: &Path, per_second: u64, seconds: u64, answer_after: u64) -> Outcome<(Child, String)> {
    let mut world = Command::new(std::env::current_exe()?)
        .arg("world")
        .arg(log)
        .args([per_second, seconds, answer_after].map(|number| number.to_string()))
        .stdout(Stdio::piped())
        .spawn()?;
    let mut address = String::new();
    BufReader::new(world.stdout.take().ok_or("no output")?).read_line(&mut address)?;
    Ok((world, address.trim().to_owned()))
}

/// What is around an agent: a program that logs, and a server.
fn world(arguments: &[String]) -> Outcome<()> {
    let log = arguments.first().ok_or("name the log")?.clone();
    let per_second = number(arguments, 1, 5000)?;
    let seconds = number(arguments, 2, 30)?;
    let answer_after = Duration::from_millis(number(arguments, 3, 300)?);
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    println!("{}", listener.local_addr()?);
    let writing = std::thread::spawn(move || write(Path::new(&log), per_second, seconds));
    runtime.block_on(async {
        let (tcp, _) = listener.accept().await?;
        let service = service_fn(|request| acknowledge(request, answer_after));
        // It ends when the agent does.
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(tcp), service).await.ok();
        Ok::<_, std::io::Error>(())
    })?;
    writing.join().map_err(|_| "the writer broke off")??;
    Ok(())
}

async fn acknowledge(
    request: Request<Incoming>,
    after: Duration,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    // What does not come whole is not answered either.
    request.into_body().collect().await.ok();
    tokio::time::sleep(after).await;
    Ok(Response::new(Empty::new()))
}

/// Lines like those of a compute host, a few together as programs write them.
fn write(log: &Path, per_second: u64, seconds: u64) -> std::io::Result<()> {
    const TOGETHER: u64 = 10;
    let mut file = File::options().append(true).open(log)?;
    let began = Instant::now();
    for step in 0..per_second * seconds / TOGETHER {
        let due = Duration::from_secs_f64((step * TOGETHER) as f64 / per_second as f64);
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        let lines: String = (step * TOGETHER..(step + 1) * TOGETHER).map(line).collect();
        file.write_all(lines.as_bytes())?;
    }
    Ok(())
}

fn line(number: u64) -> String {
    // Ids that do not repeat, which compress badly.
    let id = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let (a, b) = (id >> 96, id & 0xffff_ffff_ffff);
    format!(
        "2026-11-21 03:{:02}:{:02}.{:03} 18277 INFO nova.compute.claims [None req-{a:08x}-05d4-4b4b-b6f0-{b:012x} 40c2ed1c0d6a4e6c87ff9a1c5a4fd8a6 907a7b1cbd1d4d2ab1a6b8b4e4e2f8b5 - - default default] [instance: {a:08x}-3fbb-4e3d-a8b0-{b:012x}] Claim successful on node compute-02\n",
        number / 60_000 % 60,
        number / 1000 % 60,
        number % 1000,
    )
}
