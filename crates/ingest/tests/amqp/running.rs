//! The source at work, and a store that keeps what it hands over.

use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

use ingest::amqp::{Cluster, Notifications, Report};
use ingest::{Delivery, LiveSource as _, Place, ReadError};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Long enough for a broker on a busy machine; nothing takes as long when all is well.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(crate) struct Store {
    /// Stream and text.
    pub(crate) lines: Vec<(String, Vec<u8>)>,
    pub(crate) cut: usize,
    pub(crate) states: HashMap<String, Vec<u8>>,
}

impl Store {
    /// Makes lines and state durable at once, and tells.
    pub(crate) fn commit(&mut self, delivery: Delivery) {
        self.keep(&delivery);
        delivery.receipt.tell();
    }

    pub(crate) fn keep(&mut self, delivery: &Delivery) {
        let Place::Stream { name, state } = &delivery.place else { panic!("{:?}", delivery.place) };
        assert_eq!(&delivery.source.path, name);
        let lines = delivery.batch.lines.iter().map(|line| (name.clone(), line.text.clone()));
        self.lines.extend(lines);
        self.cut += delivery.batch.cut.len();
        self.states.insert(name.clone(), state.clone());
    }

    /// What the notifier counted, in the order in which it came.
    pub(crate) fn numbers(&self, stream: &str) -> Vec<u64> {
        let of_stream = self.lines.iter().filter(|(name, _)| name == stream);
        of_stream.map(|(_, line)| number(line)).collect()
    }
}

fn number(line: &[u8]) -> u64 {
    let mut message: serde_json::Value = serde_json::from_slice(line).unwrap();
    if let Some(inner) = message["oslo.message"].as_str() {
        message = serde_json::from_str(inner).unwrap();
    }
    let payload = &message["payload"];
    payload["number"].as_u64().or_else(|| payload["nova_object.data"]["number"].as_u64()).unwrap()
}

pub(crate) struct Running {
    out: mpsc::Receiver<Delivery>,
    reports: mpsc::Receiver<Report>,
    /// Reports that came while another one was waited for.
    troubles: Vec<String>,
    reading: usize,
    stop: CancellationToken,
    task: JoinHandle<Result<(), ReadError>>,
}

impl Running {
    pub(crate) fn start(cluster: Cluster, store: &Store) -> Self {
        let (out, deliveries) = mpsc::channel(4);
        let (reports, reported) = mpsc::channel(1000);
        let stop = CancellationToken::new();
        let source = Notifications::new(cluster, &store.states, reports);
        let task = tokio::spawn(source.run(out, stop.clone()));
        Self { out: deliveries, reports: reported, troubles: Vec::new(), reading: 0, stop, task }
    }

    pub(crate) async fn delivery(&mut self) -> Delivery {
        timeout(PATIENCE, self.out.recv()).await.expect("nothing is handed over").expect("the source ended")
    }

    /// Commits until the store holds so many lines.
    pub(crate) async fn stores(&mut self, store: &mut Store, lines: usize) {
        while store.lines.len() < lines {
            let delivery = timeout(PATIENCE, self.out.recv()).await;
            let delivery = delivery.unwrap_or_else(|_| panic!("only {} lines came", store.lines.len()));
            store.commit(delivery.expect("the source ended"));
        }
    }

    /// So many more streams are read.
    pub(crate) async fn reads(&mut self, streams: usize) {
        let what = format!("{streams} more streams are read");
        self.reports_until(&what, |running| running.reading >= streams).await;
        self.reading -= streams;
    }

    /// The same for one stream, while deliveries come.
    pub(crate) async fn reads_storing(&mut self, store: &mut Store) {
        while self.reading == 0 {
            tokio::select! {
                report = self.reports.recv() => self.note(report.expect("the source ended")),
                delivery = self.out.recv() => store.commit(delivery.expect("the source ended")),
                () = tokio::time::sleep(PATIENCE) => panic!("it is not read again"),
            }
        }
        self.reading -= 1;
    }

    pub(crate) async fn trouble(&mut self) -> String {
        self.reports_until("a trouble", |running| !running.troubles.is_empty()).await;
        self.troubles.remove(0)
    }

    pub(crate) async fn trouble_with(&mut self, text: &str) {
        let said = |running: &mut Self| {
            let found = running.troubles.iter().position(|trouble| trouble.contains(text));
            found.map(|found| running.troubles.drain(..=found)).is_some()
        };
        self.reports_until(text, said).await;
    }

    /// Why the source ended, with all causes.
    pub(crate) async fn failure(self) -> String {
        let ended = timeout(PATIENCE, self.task).await.expect("it goes on").unwrap();
        chain(&ended.expect_err("it ended well"))
    }

    pub(crate) async fn failure_or_trouble(mut self) -> String {
        match timeout(PATIENCE, self.reports.recv()).await.expect("it says nothing") {
            Some(Report::Trouble(error)) => chain(&error),
            Some(report) => panic!("{report:?}"),
            None => self.failure().await,
        }
    }

    /// Asks it to end; what was on its way is stored.
    pub(crate) async fn stop(mut self, store: &mut Store) {
        self.stop.cancel();
        while let Some(delivery) = timeout(PATIENCE, self.out.recv()).await.expect("it does not end") {
            store.commit(delivery);
        }
        self.task.await.unwrap().unwrap();
    }

    /// Gone, without a word to the broker.
    pub(crate) async fn crash(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }

    async fn reports_until(&mut self, what: &str, mut holds: impl FnMut(&mut Self) -> bool) {
        let reporting = async {
            while !holds(self) {
                let report = self.reports.recv().await;
                self.note(report.expect("the source ended"));
            }
        };
        let in_time = timeout(PATIENCE, reporting).await.is_ok();
        assert!(in_time, "it never comes to `{what}`, but {:?}", self.troubles);
    }

    fn note(&mut self, report: Report) {
        match report {
            Report::Trouble(error) => self.troubles.push(chain(&error)),
            Report::Reading { .. } => self.reading += 1,
            Report::Connected { .. } | Report::Looked { .. } => {}
        }
    }
}

fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |error: &&dyn Error| (*error).source());
    let texts = std::iter::once(error.to_string()).chain(causes.map(ToString::to_string));
    texts.collect::<Vec<_>>().join(": ")
}

pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("it never comes to {what}"));
}
