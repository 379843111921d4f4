use std::collections::HashMap;
use std::error::Error;
use std::time::{Duration, SystemTime};

use hyper::body::Bytes;
use ingest::{Checkpoint, Delivery, Receipt};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::encode::encode;
use crate::gather::Gathered;
use crate::gzip;
use crate::mask::Mask;
use crate::numbering::Numbering;
use crate::send::{Told, send_all};
use crate::spool::{NewFrame, Spool};
use crate::states::TextPlace;
use crate::{AgentError, AgentSettings, AgentStatus, Report, SendError, SpoolError};

/// Takes what sources hand over, and sends it.
#[derive(Debug)]
pub struct Agent {
    settings: AgentSettings,
    mask: Box<dyn Mask>,
    spool: Spool,
    numbering: Numbering,
    status: watch::Sender<AgentStatus>,
}

impl Agent {
    /// Fails when another process has the spool.
    pub fn open(settings: AgentSettings, mask: Box<dyn Mask>) -> Result<Self, AgentError> {
        let spool = Spool::open(settings.spool.clone(), &settings.host)?;
        let numbering = Numbering::new(spool.states());
        Ok(Self { settings, mask, spool, numbering, status: watch::Sender::default() })
    }

    /// The files that were read before: whoever follows files goes on with them, and refers to them by their places.
    #[must_use]
    pub fn known_files(&self) -> Vec<Checkpoint> {
        self.numbering.known_files()
    }

    /// What a stream's source asked to be remembered; empty at its first start.
    #[must_use]
    pub fn state_of(&self, stream: &str) -> Vec<u8> {
        self.states().remove(stream).unwrap_or_default()
    }

    /// The same of all streams, by their names.
    #[must_use]
    pub fn states(&self) -> HashMap<String, Vec<u8>> {
        let of_stream = |place: &TextPlace| match place {
            TextPlace::Stream { name, state } => Some((name.clone(), state.clone())),
            TextPlace::File(_) => None,
        };
        self.spool.states().iter().filter_map(|(_, state)| of_stream(&state.place)).collect()
    }

    #[must_use]
    pub fn status(&self) -> watch::Receiver<AgentStatus> {
        self.status.subscribe()
    }

    /// Takes lines until all sources have ended and everything is sent. After `stop`, which the sources must be told
    /// too, it ends when [`AgentSettings::last_chance`] is over: what was not sent by then waits in the spool.
    ///
    /// When the future is dropped, what was taken is in the spool or was not told to be.
    pub async fn run(
        self,
        deliveries: mpsc::Receiver<Delivery>,
        stop: CancellationToken,
        reports: mpsc::Sender<Report>,
    ) -> Result<AgentStatus, AgentError> {
        let (bodies, asked) = mpsc::channel(1);
        let (tell, told) = mpsc::channel(1);
        let mut sending = JoinSet::new();
        sending.spawn(send_all(self.settings.central.clone(), asked, tell));
        let mut running = Running {
            settings: self.settings,
            mask: Some(self.mask),
            spool: Some(self.spool),
            numbering: self.numbering,
            gathered: Gathered::default(),
            cut_at: Instant::now(),
            unwritten: None,
            again_at: None,
            in_flight: None,
            bodies,
            telling: Telling { reports, status: self.status, sent: None, spool: None },
        };
        running.all(deliveries, told, stop).await?;
        Ok(running.telling.status.borrow().clone())
    }
}

struct Running {
    settings: AgentSettings,
    /// Gone while it is at work elsewhere, as is the spool.
    mask: Option<Box<dyn Mask>>,
    spool: Option<Spool>,
    numbering: Numbering,
    gathered: Gathered,
    /// When what is gathered is written.
    cut_at: Instant,
    unwritten: Option<Unwritten>,
    /// When it is tried again what the disk did not let us do.
    again_at: Option<Instant>,
    in_flight: Option<InFlight>,
    bodies: mpsc::Sender<Bytes>,
    telling: Telling,
}

/// Lines that are not on the disk yet.
struct Unwritten {
    frame: NewFrame,
    receipts: Vec<Receipt>,
    lines: u64,
    bytes: u64,
}

struct InFlight {
    last: u64,
    lines: u64,
    taken_at: u64,
}

enum Event {
    Delivery(Box<Delivery>),
    /// No source is left.
    Ended,
    Cut,
    Again,
    Told(Told),
    NobodySends,
    Stop,
    OutOfTime,
}

/// What the disk did not let us do is tried again so often.
const DISK_PAUSE: Duration = Duration::from_secs(1);

impl Running {
    async fn all(
        &mut self,
        mut deliveries: mpsc::Receiver<Delivery>,
        mut told: mpsc::Receiver<Told>,
        stop: CancellationToken,
    ) -> Result<(), AgentError> {
        let mut ended = false;
        let mut deadline = None;
        self.send_next().await?;
        loop {
            if ended && self.is_done() {
                return Ok(());
            }
            let stopping = deadline.is_some();
            let takes = !ended && self.takes(stopping);
            self.tell(!takes && !ended);
            let event = tokio::select! {
                biased;
                news = told.recv() => news.map_or(Event::NobodySends, Event::Told),
                () = at(deadline) => Event::OutOfTime,
                () = at(self.again_at) => Event::Again,
                () = sleep_until(self.cut_at), if self.can_cut() => Event::Cut,
                delivery = deliveries.recv(), if takes => delivery.map_or(Event::Ended, |delivery| Event::Delivery(Box::new(delivery))),
                () = stop.cancelled(), if !stopping => Event::Stop,
            };
            match event {
                Event::Delivery(delivery) => self.take(*delivery).await?,
                Event::Ended => {
                    ended = true;
                    self.cut_at = Instant::now();
                }
                Event::Cut => self.cut().await?,
                Event::Again => self.again().await?,
                Event::Told(told) => self.hear(told).await?,
                Event::NobodySends => return Err(AgentError::Crashed),
                Event::Stop => deadline = Some(Instant::now() + self.settings.last_chance),
                Event::OutOfTime => return self.cut().await,
            }
        }
    }

    /// Everything is sent.
    const fn is_done(&self) -> bool {
        self.gathered.is_empty()
            && self.unwritten.is_none()
            && self.in_flight.is_none()
            && self.again_at.is_none()
    }

    const fn can_cut(&self) -> bool {
        !self.gathered.is_empty() && self.unwritten.is_none()
    }

    /// A source that has ended cannot wait for room: its last lines are taken anyway.
    fn takes(&self, stopping: bool) -> bool {
        let most = self.settings.cut.bytes as u64;
        let has_room = stopping || self.spool.as_ref().is_some_and(|spool| spool.has_room(most));
        self.unwritten.is_none() && has_room
    }

    async fn take(&mut self, delivery: Delivery) -> Result<(), AgentError> {
        let Some(spool) = &self.spool else { return Err(AgentError::Crashed) };
        if self.gathered.is_empty() {
            self.cut_at = Instant::now() + self.settings.cut.after;
        }
        self.numbering.take(delivery, spool.states(), &mut self.gathered);
        if self.gathered.is_full(&self.settings.cut) { self.cut().await } else { Ok(()) }
    }

    /// Writes what is gathered. What could not be written before comes first, and alone.
    async fn cut(&mut self) -> Result<(), AgentError> {
        if self.can_cut() {
            let gathered = std::mem::take(&mut self.gathered);
            let host = self.settings.host.clone();
            let mut mask = self.mask.take().ok_or(AgentError::Crashed)?;
            let encoding = tokio::task::spawn_blocking(move || {
                let unwritten = unwritten(gathered, &host, &mut *mask);
                (unwritten, mask)
            });
            let (unwritten, mask) = encoding.await.map_err(|_| AgentError::Crashed)?;
            (self.unwritten, self.mask) = (Some(unwritten), Some(mask));
        }
        self.write().await?;
        self.send_next().await
    }

    async fn again(&mut self) -> Result<(), AgentError> {
        self.again_at = None;
        self.write().await?;
        self.send_next().await
    }

    async fn write(&mut self) -> Result<(), AgentError> {
        let Some(unwritten) = self.unwritten.take() else { return Ok(()) };
        let (unwritten, pushed) = self
            .on_disk(move |spool| {
                let pushed = spool.push(&unwritten.frame);
                (unwritten, pushed)
            })
            .await?;
        match pushed {
            Ok(()) => {
                self.telling.spool_is_well();
                self.telling.status.send_modify(|status| {
                    status.lines += unwritten.lines;
                    status.bytes += unwritten.bytes;
                });
                unwritten.receipts.into_iter().for_each(Receipt::tell);
            }
            Err(error) => {
                self.unwritten = Some(unwritten);
                self.disk_trouble(error);
            }
        }
        Ok(())
    }

    /// Sends what comes next, unless something is on its way.
    async fn send_next(&mut self) -> Result<(), AgentError> {
        let most = self.settings.central.request_bytes;
        while self.in_flight.is_none() {
            let (unsent, troubles) = self
                .on_disk(move |spool| {
                    let unsent = spool.next_unsent(most).map(|unsent| {
                        unsent.map(|unsent| {
                            (gzip::join(&unsent.parts), unsent.lines, unsent.last, unsent.taken_at)
                        })
                    });
                    (unsent, spool.take_troubles())
                })
                .await?;
            troubles.into_iter().for_each(|trouble| self.telling.spool(trouble));
            match unsent {
                Err(error) => {
                    self.disk_trouble(error);
                    return Ok(());
                }
                Ok(None) => return Ok(()),
                // Only states.
                Ok(Some((_, 0, last, _))) => self.acknowledge(last).await?,
                Ok(Some((body, lines, last, taken_at))) => {
                    self.in_flight = Some(InFlight { last, lines, taken_at });
                    self.bodies.send(body.into()).await.map_err(|_| AgentError::Crashed)?;
                }
            }
        }
        Ok(())
    }

    async fn hear(&mut self, told: Told) -> Result<(), AgentError> {
        let rejected = match told {
            Told::Failed(error) => {
                self.telling.status.send_modify(|status| status.retries += 1);
                self.telling.send_trouble(error);
                return Ok(());
            }
            Told::Acknowledged { rejected } => rejected,
        };
        self.telling.sending_is_well();
        let Some(InFlight { last, lines, .. }) = self.in_flight.take() else { return Ok(()) };
        let lost = match &rejected {
            Some(SendError::Rejected { lines, .. }) => *lines,
            _ => 0,
        };
        self.telling.status.send_modify(|status| {
            status.requests += 1;
            status.rejected += lost;
            status.sent += lines.saturating_sub(lost);
        });
        if let Some(rejected) = rejected {
            self.telling.rejected(rejected);
        }
        self.acknowledge(last).await?;
        self.send_next().await
    }

    async fn acknowledge(&mut self, last: u64) -> Result<(), AgentError> {
        if let Err(error) = self.on_disk(move |spool| spool.acknowledge(last)).await? {
            self.telling.spool(error);
        }
        Ok(())
    }

    fn disk_trouble(&mut self, error: SpoolError) {
        self.telling.spool(error);
        self.again_at = Some(Instant::now() + DISK_PAUSE);
    }

    /// Work that waits for a disk.
    async fn on_disk<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Spool) -> T + Send + 'static,
    ) -> Result<T, AgentError> {
        let mut spool = self.spool.take().ok_or(AgentError::Crashed)?;
        let working = tokio::task::spawn_blocking(move || {
            let out = work(&mut spool);
            (spool, out)
        });
        let (spool, out) = working.await.map_err(|_| AgentError::Crashed)?;
        self.spool = Some(spool);
        Ok(out)
    }

    fn tell(&self, waiting: bool) {
        let spool_bytes = self.spool.as_ref().map_or(0, Spool::bytes);
        let taken_at = self.in_flight.as_ref().map(|in_flight| in_flight.taken_at);
        let oldest_unsent =
            taken_at.and_then(|taken_at| SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(taken_at)));
        let trouble = self.telling.trouble();
        self.telling.status.send_if_modified(|status| {
            let before = status.clone();
            status.spool_bytes = spool_bytes;
            status.oldest_unsent = oldest_unsent;
            status.waiting = waiting;
            status.trouble = trouble;
            *status != before
        });
    }
}

/// Whoever listens is told; each trouble once.
struct Telling {
    reports: mpsc::Sender<Report>,
    status: watch::Sender<AgentStatus>,
    /// The trouble with sending that there is now, …
    sent: Option<String>,
    /// … and with the spool.
    spool: Option<String>,
}

impl Telling {
    fn trouble(&self) -> Option<String> {
        self.spool.clone().or_else(|| self.sent.clone())
    }

    fn spool(&mut self, error: SpoolError) {
        let words = in_words(&error);
        if self.spool.as_ref() != Some(&words) {
            self.note(&words);
            self.spool = Some(words);
            self.report(Report::Spool(error));
        }
    }

    fn send_trouble(&mut self, error: SendError) {
        let words = in_words(&error);
        if self.sent.as_ref() != Some(&words) {
            self.note(&words);
            self.sent = Some(words);
            self.report(Report::Send(error));
        }
    }

    /// No trouble with sending: that goes on.
    fn rejected(&self, error: SendError) {
        self.note(&in_words(&error));
        self.report(Report::Send(error));
    }

    fn spool_is_well(&mut self) {
        self.spool = None;
    }

    fn sending_is_well(&mut self) {
        if self.sent.take().is_some() {
            self.report(Report::Sending);
        }
    }

    fn note(&self, words: &str) {
        self.status.send_modify(|status| status.last_error = Some(words.to_owned()));
    }

    fn report(&self, report: Report) {
        // More than anybody reads are dropped.
        self.reports.try_send(report).ok();
    }
}

fn unwritten(gathered: Gathered, host: &str, mask: &mut dyn Mask) -> Unwritten {
    let now = now();
    let Gathered { mut runs, changes, receipts, lines, bytes, .. } = gathered;
    runs.iter_mut().for_each(|run| mask.mask(run.text.0, &mut run.lines));
    let body = gzip::compress(&encode(runs, host, u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)));
    let frame = NewFrame {
        taken_at: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
        lines: u32::try_from(lines).unwrap_or(u32::MAX),
        body,
        changes,
    };
    Unwritten { frame, receipts, lines: lines as u64, bytes: bytes as u64 }
}

/// Since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "lines come by now: when they were observed is part of what is sent"
)]
fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// With its causes.
fn in_words(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |words, cause| format!("{words}: {cause}"))
}
