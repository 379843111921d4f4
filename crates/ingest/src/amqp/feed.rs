//! One queue, from the broker to the store and back to the broker.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_core::Stream as _;
use lapin::message::Delivery as Incoming;
use lapin::options::BasicAckOptions;
use lapin::{Channel, Connection, Consumer};
use model::Source;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::gathered::Gathered;
use super::notifications::Reports;
use super::retry::Pauses;
use super::seen::Seen;
use super::subscription::{Opened, Subscription};
use super::unsettled::{HandedOver, Settled, Unsettled};
use super::{BrokerError, Cluster, Report};
use crate::{Delivery, Place, Receipt};

/// How long receipts of the last lines are waited for when all is stopped. What is not acknowledged by then comes again
/// and is known.
const PARTING: Duration = Duration::from_secs(1);

/// To look at a message costs some microseconds: other tasks shall not wait for a whole batch.
const AT_ONCE: usize = 32;

/// Whoever waits for each message is woken for each, which costs more than the message. Those that come meanwhile are
/// taken together.
const BREATH: Duration = Duration::from_millis(1);

/// What lives longer than a connection.
#[derive(Debug)]
pub(super) struct Feed {
    subscription: Subscription,
    stream: String,
    seen: Seen,
    pauses: Pauses,
    /// The same trouble at every attempt is said once.
    said: String,
}

/// One connection, shared by all feeds of a cluster.
pub(super) struct Session {
    pub(super) cluster: Arc<Cluster>,
    pub(super) connection: Connection,
    pub(super) node: String,
    pub(super) user: String,
    pub(super) out: mpsc::Sender<Delivery>,
    pub(super) reports: Reports,
    pub(super) stop: CancellationToken,
    /// The connection is lost, or all is stopped.
    pub(super) over: CancellationToken,
}

/// What can happen to a queue that is read.
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and most hold a message")]
enum Step<'a> {
    Over,
    Settled(Settled),
    Room(mpsc::Permit<'a, Delivery>),
    Incoming(Option<lapin::Result<Incoming>>),
    Due,
    Look,
}

/// Of what has arrived.
#[derive(PartialEq, Eq)]
enum Left {
    Nothing,
    Perhaps,
}

impl Feed {
    pub(super) fn new(
        cluster: &Cluster,
        subscription: Subscription,
        state: impl Fn(&str) -> Vec<u8>,
    ) -> Self {
        let stream = format!("amqp/{}/{}", cluster.name, subscription.name());
        let seen = Seen::recall(&state(&stream), cluster.prefetch);
        Self { subscription, stream, seen, pauses: Pauses::new(&cluster.retry), said: String::new() }
    }

    /// Reads until the session is over.
    pub(super) async fn run(mut self, session: Arc<Session>) -> Self {
        while !session.over.is_cancelled() {
            if let Err(error) = self.read(&session).await {
                self.tell(&session, error);
            }
            let pause = tokio::time::sleep(self.pauses.next());
            session.over.run_until_cancelled(pause).await;
        }
        self
    }

    /// On one channel, until it breaks.
    async fn read(&mut self, session: &Session) -> Result<(), BrokerError> {
        let opening = self.subscription.open(&session.connection, session.cluster.prefetch, &session.user);
        let Some(opened) = session.over.run_until_cancelled(opening).await else { return Ok(()) };
        let Opened { channel, consumer, remark } = opened?;
        session.reports.extend(remark.map(Report::Trouble));
        session.reports.send(Report::Reading { stream: self.stream.clone() });
        self.pauses.reset();
        self.said.clear();
        self.seen.reopen();

        let mut look = tokio::time::interval(session.cluster.look);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        look.reset();
        let mut reading = Reading {
            feed: self,
            session,
            channel,
            consumer,
            look,
            gathered: Gathered::default(),
            repeated: 0,
            unsettled: Unsettled::default(),
        };
        let ended = reading.go_on().await;
        let in_order = !matches!(ended, Err(BrokerError::NotStored { .. }));
        // To part can take as long as a commit.
        if let Err(error) = ended {
            reading.feed.tell(session, error);
        }
        reading.part(in_order).await;
        Ok(())
    }

    fn tell(&mut self, session: &Session, error: BrokerError) {
        if !session.connection.status().connected() {
            return session.lost(error);
        }
        let text = error.to_string();
        if text != self.said {
            session.reports.send(Report::Trouble(error));
            self.said = text;
        }
    }
}

impl Session {
    /// Without the connection nothing else is worth to be said. Every feed notices; one of them says it.
    fn lost(&self, error: BrokerError) {
        if !self.over.is_cancelled() {
            self.reports.send(Report::Trouble(error.into_lost(&self.node)));
            self.over.cancel();
        }
    }
}

/// A queue while it is read.
struct Reading<'a> {
    feed: &'a mut Feed,
    session: &'a Session,
    channel: Channel,
    consumer: Consumer,
    look: Interval,
    gathered: Gathered,
    repeated: u64,
    unsettled: Unsettled,
}

impl<'a> Reading<'a> {
    async fn go_on(&mut self) -> Result<(), BrokerError> {
        loop {
            match self.next_step().await {
                Step::Over => return Ok(()),
                Step::Look => self.check().await?,
                Step::Settled(settled) => self.settle(settled).await?,
                Step::Room(room) => room.send(self.hand_over()),
                Step::Incoming(incoming) => {
                    self.take(incoming)?;
                    if self.take_what_is_there().await? == Left::Nothing {
                        tokio::time::sleep(BREATH).await;
                    }
                }
                Step::Due => self.pass_over(),
            }
        }
    }

    async fn next_step(&mut self) -> Step<'a> {
        let session = self.session;
        let since = self.gathered.since;
        let full = self.gathered.is_full(&session.cluster.settings);
        let due = since.map_or_else(Instant::now, |since| since + session.cluster.gather);
        let ready = full || (since.is_some() && due <= Instant::now());
        let lines = !self.gathered.batch.lines.is_empty();
        tokio::select! {
            biased;
            () = session.over.cancelled() => Step::Over,
            _ = self.look.tick() => Step::Look,
            settled = self.unsettled.next() => Step::Settled(settled),
            room = session.out.reserve(), if ready && lines => match room {
                Ok(room) => Step::Room(room),
                // Nobody takes lines any more.
                Err(_) => Step::Over,
            },
            incoming = next(&mut self.consumer), if !full => Step::Incoming(incoming),
            () = tokio::time::sleep_until(due), if since.is_some() && !(ready && lines) => Step::Due,
        }
    }

    async fn settle(&mut self, settled: Settled) -> Result<(), BrokerError> {
        match settled {
            Settled::Durable { tag, ids } => {
                let acknowledged = self.channel.basic_ack(tag, BasicAckOptions { multiple: true }).await;
                acknowledged.map_err(|source| self.failed("acknowledge messages", source))?;
                self.feed.seen.acknowledge(ids);
                Ok(())
            }
            Settled::Dropped(ids) => {
                self.feed.seen.forget(&ids);
                Err(BrokerError::NotStored { stream: self.feed.stream.clone() })
            }
        }
    }

    fn take(&mut self, incoming: Option<lapin::Result<Incoming>>) -> Result<(), BrokerError> {
        let cancelled = || BrokerError::Cancelled { queue: self.feed.subscription.queue.clone() };
        let incoming = incoming.ok_or_else(cancelled)?;
        let incoming = incoming.map_err(|source| self.failed("receive messages", source))?;
        self.gathered.add(incoming, &mut self.feed.seen, &self.session.cluster.settings);
        Ok(())
    }

    async fn take_what_is_there(&mut self) -> Result<Left, BrokerError> {
        for _ in 0..AT_ONCE {
            if self.gathered.is_full(&self.session.cluster.settings) {
                break;
            }
            let Some(incoming) = now(&mut self.consumer).await else { return Ok(Left::Nothing) };
            self.take(incoming)?;
        }
        Ok(Left::Perhaps)
    }

    fn hand_over(&mut self) -> Delivery {
        let (receipt, waits) = Receipt::wanted();
        let batch = std::mem::take(&mut self.gathered.batch);
        self.close_batch(Some(waits));
        Delivery {
            source: Source { path: self.feed.stream.clone(), ..Source::default() },
            batch,
            place: Place::Stream { name: self.feed.stream.clone(), state: self.feed.seen.state() },
            receipt,
        }
    }

    /// When all that was gathered was known, there is nothing to hand over.
    fn pass_over(&mut self) {
        if self.gathered.batch.lines.is_empty() {
            self.close_batch(None);
        }
    }

    fn close_batch(&mut self, receipt: Option<oneshot::Receiver<()>>) {
        let gathered = std::mem::take(&mut self.gathered);
        self.repeated += gathered.repeated;
        let Some(last_tag) = gathered.last_tag else { return };
        self.unsettled.push(HandedOver { last_tag, ids: gathered.ids, receipt });
    }

    async fn check(&mut self) -> Result<(), BrokerError> {
        let checking = self.feed.subscription.check(&self.channel, &self.session.user);
        let patience = self.session.cluster.retry.patience;
        let waiting = match tokio::time::timeout(patience, checking).await {
            Ok(checked) => checked?,
            Err(elapsed) => return Err(self.failed("get an answer", io::Error::from(elapsed).into())),
        };
        self.feed.seen.broker_is_up_to_date();
        let repeated = std::mem::take(&mut self.repeated);
        self.session.reports.send(Report::Looked { stream: self.feed.stream.clone(), waiting, repeated });
        Ok(())
    }

    /// What is on its way must be settled before the same messages come again. `in_order`: all before it was settled.
    async fn part(mut self, mut in_order: bool) {
        self.feed.seen.forget(&std::mem::take(&mut self.gathered.ids));
        let stopped = async {
            self.session.stop.cancelled().await;
            tokio::time::sleep(PARTING).await;
        };
        let settled = async {
            while !self.unsettled.is_empty() {
                match self.unsettled.next().await {
                    Settled::Durable { tag, .. } if in_order => {
                        let options = BasicAckOptions { multiple: true };
                        in_order = self.channel.basic_ack(tag, options).await.is_ok();
                    }
                    Settled::Durable { .. } => {}
                    Settled::Dropped(ids) => {
                        in_order = false;
                        self.feed.seen.forget(&ids);
                    }
                }
            }
        };
        tokio::select! {
            () = settled => {}
            () = stopped => {}
        }
        // The broker gives what is left to the next channel.
        let closing = self.channel.close(200, "done".into());
        tokio::time::timeout(PARTING, closing).await.ok();
    }

    fn failed(&self, what: &str, source: lapin::Error) -> BrokerError {
        let what = format!("{what} of queue `{}`", self.feed.subscription.queue);
        BrokerError::of_asking(what, &self.session.user, Box::new(source))
    }
}

async fn next(consumer: &mut Consumer) -> Option<lapin::Result<Incoming>> {
    poll_fn(|context| Pin::new(&mut *consumer).poll_next(context)).await
}

/// What has arrived already; the outer `None` when nothing has.
async fn now(consumer: &mut Consumer) -> Option<Option<lapin::Result<Incoming>>> {
    poll_fn(|context| match Pin::new(&mut *consumer).poll_next(context) {
        Poll::Ready(incoming) => Poll::Ready(Some(incoming)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}
