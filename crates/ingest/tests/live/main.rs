//! Live sources as the pipeline runs them. Nothing here sleeps: what takes time is waited for, and a guard ends a test
//! that would wait for ever.

mod contract;
mod journal;
mod syslog;
mod tail;

use std::time::Duration;

use ingest::{Delivery, LiveSource, ReadError};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes on a busy machine.
const GUARD: Duration = Duration::from_secs(60);

/// A source at work.
struct Running {
    out: mpsc::Receiver<Delivery>,
    stop: CancellationToken,
    task: JoinHandle<Result<(), ReadError>>,
}

impl Running {
    fn start(source: impl LiveSource + 'static, room: usize) -> Self {
        let (sender, out) = mpsc::channel(room);
        let stop = CancellationToken::new();
        let task = tokio::spawn(source.run(sender, stop.clone()));
        Self { out, stop, task }
    }

    async fn next(&mut self) -> Delivery {
        let next = tokio::time::timeout(GUARD, self.out.recv()).await;
        next.expect("something comes").expect("the source goes on")
    }

    /// So many lines.
    async fn lines(&mut self, count: usize) -> Vec<String> {
        let mut lines = Vec::new();
        while lines.len() < count {
            lines.extend(texts(&self.next().await));
        }
        lines
    }

    async fn ends(self) {
        let Self { out, task, .. } = self;
        tokio::time::timeout(GUARD, task).await.expect("it ends").expect("no panic").expect("no error");
        drop(out);
    }

    async fn stop(self) {
        self.stop.cancel();
        self.ends().await;
    }
}

fn texts(delivery: &Delivery) -> Vec<String> {
    delivery.batch.lines.iter().map(|line| String::from_utf8_lossy(&line.text).into_owned()).collect()
}
