use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::connection;
use super::feed::{Feed, Session};
use super::retry::Pauses;
use super::subscription::Subscription;
use super::url::Node;
use super::{BrokerError, Cluster};
use crate::{Delivery, LiveSource, ReadError};

/// The notifications of one cluster, as a source of lines: one message is one line of the stream
/// `amqp/CLUSTER/EXCHANGE`, or `amqp/CLUSTER/QUEUE` for a queue that is drained.
///
/// What is handed over must be stored in the order in which it came: the state of a [`Place`](crate::Place) says of all
/// lines before that they are durable too. When a receipt is dropped untold, the stream is read again from there.
#[derive(Debug)]
pub struct Notifications {
    cluster: Arc<Cluster>,
    feeds: Vec<Feed>,
    reports: Reports,
}

/// How it goes. Nobody has to listen.
#[derive(Debug)]
pub enum Report {
    Connected {
        cluster: String,
        node: String,
    },
    /// Messages of this stream arrive from now on.
    Reading {
        stream: String,
    },
    /// Asked from time to time: what waits at the broker, and how many messages were dropped because they had come
    /// before.
    Looked {
        stream: String,
        waiting: u32,
        repeated: u64,
    },
    /// It is tried again.
    Trouble(BrokerError),
}

/// Dropped when nobody takes them fast enough.
#[derive(Clone, Debug)]
pub(super) struct Reports(mpsc::Sender<Report>);

/// A connection that is open, or why there will never be one.
type Opened = Result<Option<Arc<Session>>, BrokerError>;

impl Notifications {
    /// `states`: what the store keeps of the streams, by their names.
    #[must_use]
    pub fn new(cluster: Cluster, states: &HashMap<String, Vec<u8>>, reports: mpsc::Sender<Report>) -> Self {
        let state = |stream: &str| states.get(stream).cloned().unwrap_or_default();
        let subscriptions = Subscription::all(&cluster).into_iter();
        let feeds = subscriptions.map(|subscription| Feed::new(&cluster, subscription, state)).collect();
        Self { cluster: Arc::new(cluster), feeds, reports: Reports(reports) }
    }
}

impl LiveSource for Notifications {
    /// Fails when no broker can be used as the settings are; one that was used before is waited for.
    async fn run(self, out: mpsc::Sender<Delivery>, stop: CancellationToken) -> Result<(), ReadError> {
        let Self { cluster, mut feeds, reports } = self;
        let mut nodes = Nodes::new(Arc::clone(&cluster));
        while !out.is_closed() && !stop.is_cancelled() {
            let opened = nodes.open(&out, &stop, &reports).await;
            let opened = opened.map_err(|source| ReadError::Broker {
                cluster: cluster.name.clone(),
                source: Box::new(source),
            })?;
            let Some(session) = opened else { break };
            let mut reading: JoinSet<Feed> =
                feeds.drain(..).map(|feed| feed.run(Arc::clone(&session))).collect();
            while let Some(feed) = reading.join_next().await {
                feeds.push(feed.expect("a feed does not panic"));
            }
            let closing = session.connection.close(200, "done".into());
            tokio::time::timeout(cluster.retry.patience, closing).await.ok();
        }
        Ok(())
    }
}

/// The brokers of a cluster, in turn.
struct Nodes {
    cluster: Arc<Cluster>,
    nodes: Vec<(Node, String)>,
    next: usize,
    pauses: Pauses,
    ever_connected: bool,
}

impl Nodes {
    fn new(cluster: Arc<Cluster>) -> Self {
        let of_url = |url: &super::BrokerUrl| {
            let virtual_host = cluster.virtual_host.clone().unwrap_or_else(|| url.virtual_host.clone());
            url.nodes.iter().map(move |node| (node.clone(), virtual_host.clone())).collect::<Vec<_>>()
        };
        let nodes = cluster.urls.iter().flat_map(of_url).collect();
        Self { nodes, next: 0, pauses: Pauses::new(&cluster.retry), ever_connected: false, cluster }
    }

    /// Tries one after the other until one opens; `None` when all is stopped. When every one of them refuses us for good
    /// before there was any connection, the settings are wrong.
    async fn open(
        &mut self,
        out: &mpsc::Sender<Delivery>,
        stop: &CancellationToken,
        reports: &Reports,
    ) -> Opened {
        loop {
            let mut lasting = 0;
            for _ in 0..self.nodes.len() {
                let (node, virtual_host) = &self.nodes[self.next];
                let opening = connection::open(&self.cluster, node, virtual_host);
                let Some(opened) = stop.run_until_cancelled(opening).await else { return Ok(None) };
                let error = match opened {
                    Ok(connection) => {
                        self.ever_connected = true;
                        self.pauses.reset();
                        let (cluster, node, user) =
                            (Arc::clone(&self.cluster), node.to_string(), node.user().to_owned());
                        self.next = (self.next + 1) % self.nodes.len();
                        reports.send(Report::Connected { cluster: cluster.name.clone(), node: node.clone() });
                        return Ok(Some(Arc::new(Session {
                            cluster,
                            connection,
                            node,
                            user,
                            out: out.clone(),
                            reports: reports.clone(),
                            stop: stop.clone(),
                            over: stop.child_token(),
                        })));
                    }
                    Err(error) => error,
                };
                lasting += usize::from(error.is_lasting());
                if lasting == self.nodes.len() && !self.ever_connected {
                    return Err(error);
                }
                reports.send(Report::Trouble(error));
                self.next = (self.next + 1) % self.nodes.len();
            }
            if self.nodes.is_empty() {
                return Err(BrokerError::NoNodes { cluster: self.cluster.name.clone() });
            }
            let pause = tokio::time::sleep(self.pauses.next());
            if stop.run_until_cancelled(pause).await.is_none() {
                return Ok(None);
            }
        }
    }
}

impl Reports {
    pub(super) fn send(&self, report: Report) {
        self.0.try_send(report).ok();
    }

    pub(super) fn extend(&self, reports: impl IntoIterator<Item = Report>) {
        reports.into_iter().for_each(|report| self.send(report));
    }
}
