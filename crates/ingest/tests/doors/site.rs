//! Doors that are open, and a store that keeps what they hand over.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use ingest::http::{DoorCounts, DoorSettings, Doors};
use ingest::{Delivery, LiveSource, Place, ReadError, SentPlace, ShippedSettings};
use model::FieldNames;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes on a busy machine.
pub(crate) const GUARD: Duration = Duration::from_secs(60);

pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    pub(crate) counts: Arc<DoorCounts>,
    pub(crate) stop: CancellationToken,
    pub(crate) serving: JoinHandle<Result<(), ReadError>>,
    store: JoinHandle<Store>,
}

/// What the store does with what it is handed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disk {
    Works,
    /// Nothing of it becomes durable.
    Fails,
    /// Nothing is taken.
    Full,
}

/// What was stored.
#[derive(Debug, Default)]
pub(crate) struct Store {
    /// Lines by stream.
    pub(crate) streams: BTreeMap<String, Vec<String>>,
    pub(crate) hosts: BTreeMap<String, String>,
    pub(crate) sent: Vec<(SentPlace, Delivery)>,
    pub(crate) cut: usize,
}

pub(crate) fn shipped() -> ShippedSettings {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../filters");
    let text = std::fs::read_to_string(folder.join("doors.toml")).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let texts = |value: &toml::Value| -> Vec<String> { value.clone().try_into().unwrap() };
    let list = |name: &str| texts(&table[name]);
    ShippedSettings::new(FieldNames {
        hosts: list("hosts"),
        paths: list("paths"),
        services: list("services"),
        lines: list("lines"),
        times: list("times"),
        levels: list("levels"),
        carriers: list("carriers"),
        whole: table["whole"].as_array().unwrap().iter().map(texts).collect(),
    })
}

impl Site {
    pub(crate) async fn open() -> Self {
        Self::with(Disk::Works, |_| {}).await
    }

    pub(crate) async fn with(disk: Disk, change: impl FnOnce(&mut DoorSettings)) -> Self {
        let mut settings = DoorSettings::new(([127, 0, 0, 1], 0).into(), shipped());
        change(&mut settings);
        let open = Router::new().route("/healthz", get(|| async { "well" }));
        let guarded = Router::new().route("/api", get(|| async { "answers" }));
        let doors = Doors::bind(settings, open, guarded).await.unwrap();
        let (address, counts) = (doors.address().unwrap(), doors.counts());
        let (out, handed_over) = mpsc::channel(8);
        let stop = CancellationToken::new();
        let serving = tokio::spawn(doors.run(out, stop.clone()));
        let store = tokio::spawn(store(handed_over, disk));
        Self { address, counts, stop, serving, store }
    }

    /// Ends, and tells what was stored.
    pub(crate) async fn close(self) -> Store {
        self.stop.cancel();
        tokio::time::timeout(GUARD, self.serving).await.expect("it ends").unwrap().unwrap();
        self.store.await.unwrap()
    }
}

pub(crate) async fn store(mut handed_over: mpsc::Receiver<Delivery>, disk: Disk) -> Store {
    let mut store = Store::default();
    if disk == Disk::Full {
        std::future::poll_fn(|context| {
            match handed_over.is_closed() || handed_over.sender_strong_count() == 0 {
                true => std::task::Poll::Ready(()),
                false => {
                    context.waker().wake_by_ref();
                    std::task::Poll::Pending
                }
            }
        })
        .await;
        return store;
    }
    while let Some(mut delivery) = handed_over.recv().await {
        let receipt = std::mem::take(&mut delivery.receipt);
        match disk {
            Disk::Works => store.keep(delivery),
            _ => continue,
        }
        receipt.tell();
    }
    store
}

impl Store {
    fn keep(&mut self, delivery: Delivery) {
        self.cut += delivery.batch.cut.len();
        match &delivery.place {
            Place::Sent(place) => self.sent.push((*place, delivery)),
            Place::Stream { name, .. } => {
                let numbers: Vec<u64> = delivery.batch.lines.iter().map(|line| line.number).collect();
                assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "{numbers:?}");
                let lines = delivery.batch.lines.iter().map(|line| String::from_utf8_lossy(&line.text));
                let stream = self.streams.entry(name.clone()).or_default();
                stream.extend(lines.map(|line| line.into_owned()));
                self.hosts.insert(name.clone(), delivery.source.host.unwrap_or_default());
            }
            Place::File { .. } => panic!("{delivery:?}"),
        }
    }

    /// The lines of a stream, which is the only one.
    pub(crate) fn only(&self, stream: &str) -> &[String] {
        let names: Vec<&str> = self.streams.keys().map(String::as_str).collect();
        assert_eq!(names, [stream]);
        &self.streams[stream]
    }
}
