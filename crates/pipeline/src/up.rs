//! Everything in one process: sources feed one store, until somebody says stop.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use correlate::News;
use ingest::amqp::{Cluster, Notifications, Report};
use ingest::{
    Delivery, Journal, JournalSettings, LiveSource, LiveTail, ReadError, Settings, Stdin, Syslog,
    SyslogSettings, TailSettings,
};
use parse::Knowledge;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::error::LiveError;
use crate::live::{Live, LiveReport};
use crate::options::LiveOptions;
use crate::status::{BrokerStatus, FilesStatus, Status};

/// What is listened to.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    pub files: Option<TailSettings>,
    pub syslog: Option<SyslogSettings>,
    pub journal: Option<JournalSettings>,
    /// Brokers whose notifications are read.
    pub brokers: Vec<Cluster>,
    /// The standard input; everything ends when it and all others end.
    pub stdin: bool,
}

/// What it is stopped by, and where it says how it goes.
#[derive(Clone, Debug, Default)]
pub struct Control {
    pub stop: CancellationToken,
    pub status: watch::Sender<Status>,
}

/// What goes on.
#[derive(Debug)]
pub enum Happening<'a> {
    /// From now on lines are taken; where syslog is listened for, by UDP and TCP.
    Ready {
        addresses: Vec<String>,
    },
    News(&'a News),
    /// A source ended with an error, the others go on. Or a file could not be read.
    Trouble(String),
}

/// Deliveries that wait: each is bounded, and a source that finds no room waits.
const WAITING: usize = 32;
/// Reports of brokers that wait to be told; more are dropped.
const REPORTS: usize = 256;
const TICK: Duration = Duration::from_millis(500);
/// So often one looks whether a commit has ended.
const SETTLE: Duration = Duration::from_millis(20);
/// So many looks settle what became of a request.
const LAST_LOOKS: u32 = 3;
const LONG_ENOUGH: Duration = Duration::from_secs(5);

/// Takes lines until it is stopped or every source has ended. Sources stop first; what they handed over is stored.
pub fn up(
    options: &LiveOptions,
    sources: Sources,
    knowledge: &Knowledge,
    control: &Control,
    tell: &mut dyn FnMut(Happening<'_>),
) -> Result<LiveReport, LiveError> {
    let mut live = Live::open(options, knowledge)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|source| LiveError::Start { source })?;
    let (out, mut deliveries) = mpsc::channel(WAITING);
    let stop = &control.stop;
    let mut running = start(&runtime, sources, &live, &out, stop, tell)?;
    drop(out);
    let began = Instant::now();
    let mut tick = TICK;
    loop {
        let wait = tick.saturating_sub(began.elapsed());
        // Peers wait for their receipts.
        let wait = if live.is_committing() { wait.min(SETTLE) } else { wait };
        let next = runtime.block_on(async { tokio::time::timeout(wait, deliveries.recv()).await });
        match next {
            Ok(Some(delivery)) => live.take(delivery, began.elapsed())?,
            Ok(None) => break,
            Err(_elapsed) => {}
        }
        if live.is_committing() {
            live.settle(began.elapsed())?;
        }
        if began.elapsed() >= tick {
            look(&mut live, began.elapsed(), tell)?;
            running.tell_ended(tell);
            running.tell_problems(tell);
            running.tell_reports(tell);
            let status = running.status(live.status(), began.elapsed());
            let queue = (deliveries.len(), deliveries.max_capacity());
            control.status.send_replace(Status {
                ready: true,
                stopping: stop.is_cancelled(),
                queue,
                ..status
            });
            tick = began.elapsed() + TICK;
        }
    }
    if !stop.is_cancelled() {
        // Nothing more will come: as if the time had passed in which it might.
        for later in 1..=LAST_LOOKS {
            look(&mut live, began.elapsed() + LONG_ENOUGH * later, tell)?;
        }
    }
    live.finish()
}

fn look(live: &mut Live<'_>, now: Duration, tell: &mut dyn FnMut(Happening<'_>)) -> Result<(), LiveError> {
    live.tick(now)?.iter().for_each(|news| tell(Happening::News(news)));
    Ok(())
}

/// Sources that were started.
struct Running {
    tasks: JoinSet<Result<(), ReadError>>,
    files: Option<tokio::sync::watch::Receiver<ingest::TailStatus>>,
    /// What was said of files.
    told: Vec<String>,
    reports: mpsc::Receiver<Report>,
    brokers: BTreeMap<String, BrokerStatus>,
    /// Sources that ended with an error.
    ended: Vec<String>,
}

impl Running {
    /// Sources that ended with an error; the others go on.
    fn tell_ended(&mut self, tell: &mut dyn FnMut(Happening<'_>)) {
        while let Some(ended) = self.tasks.try_join_next() {
            if let Ok(Err(error)) = ended {
                self.ended.push(error.to_string());
                tell(Happening::Trouble(error.to_string()));
            }
        }
    }

    /// Troubles with brokers.
    fn tell_reports(&mut self, tell: &mut dyn FnMut(Happening<'_>)) {
        while let Ok(report) = self.reports.try_recv() {
            match report {
                Report::Trouble(error) => tell(Happening::Trouble(error.to_string())),
                Report::Looked { stream, waiting, repeated } => {
                    self.brokers.insert(stream, BrokerStatus { waiting, repeated });
                }
                Report::Connected { .. } | Report::Reading { .. } => {}
            }
        }
    }

    fn status(&self, live: Status, at: Duration) -> Status {
        let files = self.files.as_ref().map(|files| {
            let files = files.borrow();
            FilesStatus { followed: files.files, behind: files.behind, problems: files.problems.len() }
        });
        let troubles = self.ended.iter().chain(&self.told).cloned().collect();
        Status { at, files, brokers: self.brokers.clone(), troubles, ..live }
    }

    /// Files that cannot be read, each once.
    fn tell_problems(&mut self, tell: &mut dyn FnMut(Happening<'_>)) {
        let Some(files) = &mut self.files else { return };
        if !files.has_changed().unwrap_or(false) {
            return;
        }
        let problems = files.borrow_and_update().problems.clone();
        for problem in &problems {
            if !self.told.contains(problem) {
                tell(Happening::Trouble(problem.clone()));
            }
        }
        self.told = problems;
    }
}

fn start(
    runtime: &Runtime,
    sources: Sources,
    live: &Live<'_>,
    out: &mpsc::Sender<Delivery>,
    stop: &CancellationToken,
    tell: &mut dyn FnMut(Happening<'_>),
) -> Result<Running, LiveError> {
    let failed = |source| LiveError::Source { source };
    let mut tasks = JoinSet::new();
    let _inside = runtime.enter();
    let mut addresses = Vec::new();
    let mut files = None;
    if let Some(settings) = sources.files {
        let tail = LiveTail::new(settings, live.known_files()).map_err(failed)?;
        files = Some(tail.status());
        tasks.spawn(tail.run(out.clone(), stop.clone()));
    }
    if let Some(settings) = sources.syslog {
        let syslog = runtime.block_on(Syslog::bind(settings)).map_err(failed)?;
        let (udp, tcp) = syslog.addresses();
        addresses.extend(udp.map(|address| format!("udp {address}")));
        addresses.extend(tcp.map(|address| format!("tcp {address}")));
        tasks.spawn(syslog.run(out.clone(), stop.clone()));
    }
    if let Some(settings) = sources.journal {
        let name = Journal::new(settings.clone(), &[]).name();
        tasks.spawn(Journal::new(settings, &live.state_of(&name)).run(out.clone(), stop.clone()));
    }
    let (report, reports) = mpsc::channel(REPORTS);
    for cluster in sources.brokers {
        let notifications = Notifications::new(cluster, &live.states(), report.clone());
        tasks.spawn(notifications.run(out.clone(), stop.clone()));
    }
    if sources.stdin {
        tasks.spawn(Stdin::new(Settings::default()).run(out.clone(), stop.clone()));
    }
    tell(Happening::Ready { addresses });
    let (told, ended, brokers) = (Vec::new(), Vec::new(), BTreeMap::new());
    Ok(Running { tasks, files, told, reports, brokers, ended })
}
