//! Everything that is listened to, started together.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use ingest::amqp::{Cluster, Notifications, Report};
use ingest::forward::{Forward, ForwardCounts, ForwardSettings};
use ingest::http::{DoorCounts, DoorSettings, Doors};
use ingest::{
    Checkpoint, Delivery, Journal, JournalSettings, LiveSource, LiveTail, ReadError, Settings, Stdin, Syslog,
    SyslogSettings, TailSettings,
};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::status::{BrokerStatus, FilesStatus, Status};
use crate::up::Happening;

/// What is listened to.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    pub files: Option<TailSettings>,
    pub syslog: Option<SyslogSettings>,
    pub journal: Option<JournalSettings>,
    /// Brokers whose notifications are read.
    pub brokers: Vec<Cluster>,
    /// A server for other shippers, and for questions.
    pub http: Option<Http>,
    /// A server for Fluentd and Fluent Bit.
    pub forward: Option<ForwardSettings>,
    /// The standard input; everything ends when it and all others end.
    pub stdin: bool,
}

/// The doors, and what else is served at their address.
#[derive(Clone, Debug)]
pub struct Http {
    pub doors: DoorSettings,
    /// For everybody.
    pub open: Router,
    /// For those who know the token.
    pub guarded: Router,
}

/// What sources left behind when they ran before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) files: Vec<Checkpoint>,
    /// By the names of streams.
    pub(crate) states: HashMap<String, Vec<u8>>,
}

/// Sources that were started.
pub(crate) struct Running {
    tasks: JoinSet<Result<(), ReadError>>,
    /// `udp 127.0.0.1:5514`
    pub(crate) addresses: Vec<String>,
    files: Option<watch::Receiver<ingest::TailStatus>>,
    /// What was said of files.
    told: Vec<String>,
    reports: mpsc::Receiver<Report>,
    brokers: BTreeMap<String, BrokerStatus>,
    doors: Option<Arc<DoorCounts>>,
    forward: Option<Arc<ForwardCounts>>,
    /// Sources that ended with an error.
    ended: Vec<String>,
}

/// Reports of brokers that wait to be told; more are dropped.
const REPORTS: usize = 256;

/// For sources to end.
const LONGEST_END: Duration = Duration::from_secs(10);

impl Running {
    /// Fails when one of them cannot begin.
    pub(crate) async fn start(
        sources: Sources,
        known: Known,
        out: &mpsc::Sender<Delivery>,
        stop: &CancellationToken,
    ) -> Result<Self, ReadError> {
        // Nothing runs before everything could begin.
        let tail = sources.files.map(|settings| LiveTail::new(settings, known.files)).transpose()?;
        let syslog = match sources.syslog {
            Some(settings) => Some(Syslog::bind(settings).await?),
            None => None,
        };
        let doors = match sources.http {
            Some(Http { doors, open, guarded }) => Some(Doors::bind(doors, open, guarded).await?),
            None => None,
        };
        let forward = match sources.forward {
            Some(settings) => Some(Forward::bind(settings).await?),
            None => None,
        };
        let mut tasks = JoinSet::new();
        let mut addresses = Vec::new();
        let files = tail.as_ref().map(LiveTail::status);
        if let Some(tail) = tail {
            tasks.spawn(tail.run(out.clone(), stop.clone()));
        }
        if let Some(syslog) = syslog {
            let (udp, tcp) = syslog.addresses();
            addresses.extend(udp.map(|address| format!("syslog at udp {address}")));
            addresses.extend(tcp.map(|address| format!("syslog at tcp {address}")));
            tasks.spawn(syslog.run(out.clone(), stop.clone()));
        }
        if let Some(settings) = sources.journal {
            let name = Journal::new(settings.clone(), &[]).name();
            let state = known.states.get(&name).cloned().unwrap_or_default();
            tasks.spawn(Journal::new(settings, &state).run(out.clone(), stop.clone()));
        }
        let (report, reports) = mpsc::channel(REPORTS);
        for cluster in sources.brokers {
            let notifications = Notifications::new(cluster, &known.states, report.clone());
            tasks.spawn(notifications.run(out.clone(), stop.clone()));
        }
        let counts = doors.as_ref().map(Doors::counts);
        if let Some(doors) = doors {
            addresses.extend(doors.address().map(|address| format!("http at {address}")));
            tasks.spawn(doors.run(out.clone(), stop.clone()));
        }
        let forwarded = forward.as_ref().map(Forward::counts);
        if let Some(forward) = forward {
            addresses.extend(forward.address().map(|address| format!("forward at {address}")));
            tasks.spawn(forward.run(out.clone(), stop.clone()));
        }
        if sources.stdin {
            tasks.spawn(Stdin::new(Settings::default()).run(out.clone(), stop.clone()));
        }
        let (told, ended, brokers) = (Vec::new(), Vec::new(), BTreeMap::new());
        Ok(Self { tasks, addresses, files, told, reports, brokers, doors: counts, forward: forwarded, ended })
    }

    /// Waits until all have ended that were told to stop, and whose lines nobody takes any more: what they wait for goes
    /// with the runtime.
    pub(crate) async fn end(mut self) {
        let ending = async { while self.tasks.join_next().await.is_some() {} };
        tokio::time::timeout(LONGEST_END, ending).await.ok();
    }

    /// What goes wrong, each thing once.
    pub(crate) fn tell_troubles(&mut self, tell: &mut dyn FnMut(Happening<'_>)) {
        self.tell_ended(tell);
        self.tell_problems(tell);
        self.tell_reports(tell);
    }

    pub(crate) fn status(&self, live: Status, at: Duration) -> Status {
        let files = self.files.as_ref().map(|files| {
            let files = files.borrow();
            FilesStatus { followed: files.files, behind: files.behind, problems: files.problems.len() }
        });
        let troubles = self.ended.iter().chain(&self.told).cloned().collect();
        let (doors, forward) = (self.doors.clone(), self.forward.clone());
        Status { at, files, brokers: self.brokers.clone(), doors, forward, troubles, ..live }
    }

    /// Sources that ended with an error; the others go on.
    fn tell_ended(&mut self, tell: &mut dyn FnMut(Happening<'_>)) {
        while let Some(ended) = self.tasks.try_join_next() {
            if let Ok(Err(error)) = ended {
                self.ended.push(error.to_string());
                tell(Happening::Trouble(error.to_string()));
            }
        }
    }

    /// Files that cannot be read.
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
}
