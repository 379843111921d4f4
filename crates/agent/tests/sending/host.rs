//! A machine with an agent: a file that grows, and a stream that can be read again.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use agent::{
    Agent, AgentError, AgentSettings, AgentStatus, Central, CentralUrl, Mask, Report, Retry, SpoolError,
};
use ingest::{Batch, Delivery, LiveSource, LiveTail, Place, ReadError, Receipt, TailSettings};
use model::{Line, Source};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::GUARD;
use crate::central::SOON;

pub(crate) struct Host {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) settings: AgentSettings,
}

pub(crate) const NAME: &str = "compute-02";
pub(crate) const STREAM: &str = "journald/compute-02";

/// These lines hold no secrets.
#[derive(Debug)]
struct Unmasked;

impl Mask for Unmasked {
    fn mask(&mut self, _text: u128, _lines: &mut [Line]) {}
}

impl Host {
    pub(crate) fn new(central: &crate::central::Central) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = CentralUrl::parse(&format!("http://{}", central.address)).unwrap();
        let mut settings = AgentSettings::new(NAME, url, folder.path().join("spool"));
        settings.central = Central {
            retry: Retry { first: SOON, longest: SOON * 4, refused: SOON, ..Retry::default() },
            patience: Duration::from_secs(20),
            ..settings.central
        };
        settings.cut.after = Duration::from_millis(5);
        settings.last_chance = GUARD;
        Self { folder, settings }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Appends lines to a file.
    pub(crate) fn log(&self, name: &str, lines: impl IntoIterator<Item = String>) {
        let mut file = fs::File::options().create(true).append(true).open(self.path(name)).unwrap();
        lines.into_iter().for_each(|line| writeln!(file, "{line}").unwrap());
    }

    /// Another process may still be on its way out.
    pub(crate) async fn open(&self) -> Agent {
        let opening = async {
            loop {
                match Agent::open(self.settings.clone(), Box::new(Unmasked)) {
                    Err(AgentError::Spool(SpoolError::Locked { .. })) => tokio::task::yield_now().await,
                    other => return other.unwrap(),
                }
            }
        };
        tokio::time::timeout(GUARD, opening).await.expect("the spool is let go")
    }

    /// An agent that follows the log files and a stream of `streamed` lines.
    pub(crate) async fn start(&self, streamed: usize) -> Running {
        let agent = self.open().await;
        let settings = TailSettings {
            patterns: vec![format!("{}/*.log*", self.folder.path().display())],
            host: Some(NAME.to_owned()),
            ..TailSettings::default()
        };
        let tail = LiveTail::new(settings, agent.known_files()).unwrap();
        let replay = Replay::new(&agent, streamed);
        Running::start(agent, |tasks, out, stop| {
            tasks.spawn(tail.run(out.clone(), stop.clone()));
            tasks.spawn(replay.run(out, stop));
        })
    }
}

/// An agent at work.
pub(crate) struct Running {
    pub(crate) stop: CancellationToken,
    pub(crate) status: watch::Receiver<AgentStatus>,
    pub(crate) reports: mpsc::Receiver<Report>,
    tasks: JoinSet<Result<(), ReadError>>,
    agent: tokio::task::JoinHandle<Result<AgentStatus, AgentError>>,
}

impl Running {
    pub(crate) fn start(
        agent: Agent,
        feed: impl FnOnce(&mut JoinSet<Result<(), ReadError>>, mpsc::Sender<Delivery>, CancellationToken),
    ) -> Self {
        let (out, deliveries) = mpsc::channel(4);
        let (report, reports) = mpsc::channel(100);
        let stop = CancellationToken::new();
        let status = agent.status();
        let mut tasks = JoinSet::new();
        feed(&mut tasks, out, stop.clone());
        let agent = tokio::spawn(agent.run(deliveries, stop.clone(), report));
        Self { stop, status, reports, tasks, agent }
    }

    pub(crate) async fn stop(self) -> AgentStatus {
        self.stop.cancel();
        self.ends().await
    }

    pub(crate) async fn ends(mut self) -> AgentStatus {
        let ended = tokio::time::timeout(GUARD, self.agent).await.expect("it ends").unwrap().unwrap();
        while let Some(task) = self.tasks.join_next().await {
            task.unwrap().unwrap();
        }
        ended
    }

    /// As if the process were killed.
    pub(crate) async fn kill(mut self) {
        self.agent.abort();
        self.agent.await.ok();
        self.tasks.abort_all();
        // The file's reader ends when nobody takes.
        while self.tasks.join_next().await.is_some() {}
    }

    pub(crate) async fn wait(&mut self, enough: impl FnMut(&AgentStatus) -> bool) -> AgentStatus {
        let waiting = tokio::time::timeout(GUARD, self.status.wait_for(enough)).await;
        waiting.expect("it comes to that").unwrap().clone()
    }

    pub(crate) async fn report(&mut self) -> Report {
        tokio::time::timeout(GUARD, self.reports.recv()).await.expect("it is told").unwrap()
    }
}

/// Lines that are asked for from the state on, as a journal gives them.
struct Replay {
    from: usize,
    to: usize,
}

impl Replay {
    fn new(agent: &Agent, to: usize) -> Self {
        let state = agent.state_of(STREAM);
        let from = state.try_into().map_or(0, u64::from_le_bytes);
        Self { from: usize::try_from(from).unwrap(), to }
    }
}

impl LiveSource for Replay {
    async fn run(self, out: mpsc::Sender<Delivery>, stop: CancellationToken) -> Result<(), ReadError> {
        let mut next = self.from;
        while next < self.to {
            let count = (next % 5 + 1).min(self.to - next);
            let delivery = stream(STREAM, next, count, Receipt::unwanted());
            next += count;
            tokio::select! {
                sent = out.send(delivery) => if sent.is_err() { break },
                () = stop.cancelled() => break,
            }
        }
        Ok(())
    }
}

/// Some lines of a stream, each with its number.
pub(crate) fn stream(name: &str, from: usize, count: usize, receipt: Receipt) -> Delivery {
    let line = |at: usize| Line { number: (at + 1) as u64, text: streamed(from + at).into_bytes() };
    let batch = Batch { lines: (0..count).map(line).collect(), ..Batch::default() };
    let state = ((from + count) as u64).to_le_bytes().to_vec();
    let source = Source { path: name.to_owned(), host: Some(NAME.to_owned()), ..Source::default() };
    Delivery { source, batch, place: Place::Stream { name: name.to_owned(), state }, receipt }
}

pub(crate) fn streamed(number: usize) -> String {
    format!("<30>Nov 21 03:31:34 compute-02 neutron-openvswitch-agent[18277]: {number}")
}

pub(crate) fn logged(number: usize) -> String {
    format!(
        "2026-11-21 03:31:34.568 18277 WARNING nova.network.neutron [None req-0679c0c9 - - - - -] attempt {number}"
    )
}
