//! Everything in one process: sources feed one store, until somebody says stop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use correlate::News;
use ingest::Delivery;
use parse::Knowledge;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::error::LiveError;
use crate::live::{Live, LiveReport};
use crate::options::LiveOptions;
use crate::sources::{Known, Running, Sources};
use crate::status::Status;

/// What it is stopped by, and where it says how it goes.
#[derive(Clone, Debug, Default)]
pub struct Control {
    pub stop: CancellationToken,
    /// Written twice a second while somebody listens.
    pub status: watch::Sender<Arc<Status>>,
}

impl Control {
    /// There may be thousands of origins to count: not when nobody wants to know.
    pub(crate) fn tell_status(&self, status: impl FnOnce() -> Status) {
        if self.status.receiver_count() > 0 {
            self.status.send_replace(Arc::new(status()));
        }
    }
}

/// What goes on.
#[derive(Debug)]
pub enum Happening<'a> {
    /// From now on lines are taken; where somebody listens: `http at 127.0.0.1:7310`.
    Ready {
        addresses: Vec<String>,
    },
    News(&'a News),
    /// A source ended with an error, the others go on. Or a file could not be read, or lines could not be sent.
    Trouble(String),
    /// After trouble, lines are sent again.
    Resumed,
}

/// Deliveries that wait: each is bounded, and a source that finds no room waits.
pub(crate) const WAITING: usize = 32;
pub(crate) const TICK: Duration = Duration::from_millis(500);
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
    let (out, deliveries) = mpsc::channel(WAITING);
    let stop = &control.stop;
    let known = Known { files: live.known_files(), states: live.states() };
    let started = runtime.block_on(Running::start(sources, known, &out, stop));
    let mut running = started.map_err(|source| LiveError::Source { source })?;
    drop(out);
    tell(Happening::Ready { addresses: running.addresses.clone() });
    let outcome = take_all(&mut live, &mut running, deliveries, &runtime, control, tell);
    // After an error there are sources that wait for something.
    stop.cancel();
    runtime.block_on(running.end());
    outcome?;
    live.finish()
}

/// Until no source is left, which was told to stop or has ended.
fn take_all(
    live: &mut Live<'_>,
    running: &mut Running,
    mut deliveries: mpsc::Receiver<Delivery>,
    runtime: &Runtime,
    control: &Control,
    tell: &mut dyn FnMut(Happening<'_>),
) -> Result<(), LiveError> {
    let stop = &control.stop;
    let began = Instant::now();
    let mut tick = Duration::ZERO;
    loop {
        if began.elapsed() >= tick {
            live.tick(began.elapsed())?.iter().for_each(|news| tell(Happening::News(news)));
            running.tell_troubles(tell);
            let queue = (deliveries.len(), deliveries.max_capacity());
            control.tell_status(|| {
                let stopping = stop.is_cancelled();
                let live = Status { ready: true, stopping, queue, ..live.status() };
                running.status(live, began.elapsed())
            });
            tick = began.elapsed() + TICK;
        }
        let wait = live.go_on(began.elapsed())?.min(tick.saturating_sub(began.elapsed()));
        let next = runtime.block_on(async { tokio::time::timeout(wait, deliveries.recv()).await });
        match next {
            Ok(Some(delivery)) => live.take(delivery, began.elapsed())?,
            Ok(None) => break,
            Err(_elapsed) => {}
        }
    }
    if !stop.is_cancelled() {
        // Nothing more will come: as if the time had passed in which it might.
        for later in 1..=LAST_LOOKS {
            let news = live.last_look(began.elapsed() + LONG_ENOUGH * later)?;
            news.iter().for_each(|news| tell(Happening::News(news)));
        }
    }
    Ok(())
}
