//! Which queue is read, and what has to stand before.

use lapin::options::{
    BasicConsumeOptions, BasicQosOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, Consumer, ExchangeKind, Queue};

use super::error::{code, code_of};
use super::{Bounds, BrokerError, Cluster, Take};

#[derive(Clone, Debug)]
pub(super) struct Subscription {
    pub(super) queue: String,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Own { exchange: String, routing_keys: Vec<String>, bounds: Bounds },
    Standing,
}

/// A channel on which messages of the queue arrive.
pub(super) struct Opened {
    pub(super) channel: Channel,
    pub(super) consumer: Consumer,
    /// It is read, but not as wanted.
    pub(super) remark: Option<BrokerError>,
}

type Result<T> = std::result::Result<T, BrokerError>;

impl Subscription {
    pub(super) fn all(cluster: &Cluster) -> Vec<Self> {
        match &cluster.take {
            Take::Copy { exchanges, routing_keys, queue_prefix, bounds } => {
                let own = |exchange: &String| Self {
                    queue: format!("{queue_prefix}.{exchange}"),
                    source: Source::Own {
                        exchange: exchange.clone(),
                        routing_keys: routing_keys.clone(),
                        bounds: bounds.clone(),
                    },
                };
                exchanges.iter().map(own).collect()
            }
            Take::Drain { queues } => {
                queues.iter().map(|queue| Self { queue: queue.clone(), source: Source::Standing }).collect()
            }
        }
    }

    /// The last part of the stream's name.
    pub(super) fn name(&self) -> &str {
        match &self.source {
            Source::Own { exchange, .. } => exchange,
            Source::Standing => &self.queue,
        }
    }

    pub(super) async fn open(&self, connection: &Connection, prefetch: u16, user: &str) -> Result<Opened> {
        let asking = Asking { connection, user };
        let (channel, remark) = match &self.source {
            Source::Own { exchange, routing_keys, bounds } => {
                let channel = asking.for_exchange(exchange).await?;
                let (channel, remark) = asking.declare(channel, &self.queue, bounds).await?;
                for key in routing_keys {
                    asking.bind(&channel, &self.queue, exchange, key).await?;
                }
                (channel, remark)
            }
            Source::Standing => {
                let channel = asking.channel().await?;
                refuse_to_rob(&self.look(&channel, user).await?, 0)?;
                (channel, None)
            }
        };
        let consumer = asking.consume(&channel, &self.queue, prefetch, self.is_ours()).await?;
        Ok(Opened { channel, consumer, remark })
    }

    /// How many messages wait. Fails when somebody else has begun to read a queue that is not ours.
    pub(super) async fn check(&self, channel: &Channel, user: &str) -> Result<u32> {
        let queue = self.look(channel, user).await?;
        if !self.is_ours() {
            refuse_to_rob(&queue, 1)?;
        }
        Ok(queue.message_count())
    }

    async fn look(&self, channel: &Channel, user: &str) -> Result<Queue> {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let queue = channel.queue_declare(self.queue.as_str().into(), options, FieldTable::default()).await;
        queue.map_err(Box::new).map_err(|source| match code_of(&source) {
            Some(code::NOT_FOUND) => BrokerError::NoQueue { queue: self.queue.clone(), source },
            _ => BrokerError::of_asking(format!("look at queue `{}`", self.queue), user, source),
        })
    }

    const fn is_ours(&self) -> bool {
        matches!(self.source, Source::Own { .. })
    }
}

fn refuse_to_rob(queue: &Queue, ours: u32) -> Result<()> {
    match queue.consumer_count().saturating_sub(ours) {
        0 => Ok(()),
        consumers => Err(BrokerError::Consumed { queue: queue.name().to_string(), consumers }),
    }
}

/// Questions to the broker, and what its refusals mean.
struct Asking<'a> {
    connection: &'a Connection,
    user: &'a str,
}

impl Asking<'_> {
    async fn channel(&self) -> Result<Channel> {
        let channel = self.connection.create_channel().await;
        channel.map_err(Box::new).map_err(|source| self.failed("open a channel".to_owned(), source))
    }

    async fn for_exchange(&self, exchange: &str) -> Result<Channel> {
        let channel = self.channel().await?;
        let options = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
        // A passive declaration looks at the name only.
        let kind = ExchangeKind::Topic;
        let found = channel.exchange_declare(exchange.into(), kind, options, FieldTable::default()).await;
        found.map_err(Box::new).map_err(|source| match code_of(&source) {
            Some(code::NOT_FOUND) => BrokerError::NoExchange { exchange: exchange.to_owned(), source },
            _ => self.failed(format!("look for exchange `{exchange}`"), source),
        })?;
        Ok(channel)
    }

    /// A queue that stands with other arguments closes the channel; it is as good as any, and said.
    async fn declare(
        &self,
        channel: Channel,
        queue: &str,
        bounds: &Bounds,
    ) -> Result<(Channel, Option<BrokerError>)> {
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let declared = channel.queue_declare(queue.into(), options, arguments(bounds)).await;
        match declared.map_err(Box::new) {
            Ok(_) => Ok((channel, None)),
            Err(source) => match code_of(&source) {
                Some(code::PRECONDITION_FAILED) => {
                    let remark = BrokerError::OtherBounds { queue: queue.to_owned(), source };
                    Ok((self.channel().await?, Some(remark)))
                }
                Some(code::RESOURCE_LOCKED) => Err(BrokerError::InUse { queue: queue.to_owned(), source }),
                _ => Err(self.failed(format!("declare queue `{queue}`"), source)),
            },
        }
    }

    async fn bind(&self, channel: &Channel, queue: &str, exchange: &str, key: &str) -> Result<()> {
        let (options, arguments) = (QueueBindOptions::default(), FieldTable::default());
        let bound = channel.queue_bind(queue.into(), exchange.into(), key.into(), options, arguments).await;
        bound.map_err(Box::new).map_err(|source| {
            self.failed(format!("bind queue `{queue}` to `{key}` of exchange `{exchange}`"), source)
        })
    }

    async fn consume(&self, channel: &Channel, queue: &str, prefetch: u16, alone: bool) -> Result<Consumer> {
        let failed = |source: Box<lapin::Error>| match code_of(&source) {
            Some(code::ACCESS_REFUSED) if alone && source.to_string().contains("exclusive") => {
                BrokerError::InUse { queue: queue.to_owned(), source }
            }
            _ => self.failed(format!("read queue `{queue}`"), source),
        };
        // Without a limit the broker would send whatever it has.
        channel
            .basic_qos(prefetch.max(1), BasicQosOptions::default())
            .await
            .map_err(Box::new)
            .map_err(failed)?;
        let options = BasicConsumeOptions { exclusive: alone, ..BasicConsumeOptions::default() };
        let tag = "culprit".into();
        let consumer = channel.basic_consume(queue.into(), tag, options, FieldTable::default()).await;
        consumer.map_err(Box::new).map_err(failed)
    }

    fn failed(&self, what: String, source: Box<lapin::Error>) -> BrokerError {
        BrokerError::of_asking(what, self.user, source)
    }
}

fn arguments(bounds: &Bounds) -> FieldTable {
    let number = |number: u64| AMQPValue::LongLongInt(i64::try_from(number).unwrap_or(i64::MAX));
    // Brokers refuse longer times than 49 days.
    let time = |time: std::time::Duration| {
        number(u64::try_from(time.as_millis()).unwrap_or(u64::MAX).clamp(1, u32::MAX.into()))
    };
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), number(bounds.messages.into()));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("drop-head".into()));
    arguments.insert("x-message-ttl".into(), time(bounds.message_lifetime));
    arguments.insert("x-expires".into(), time(bounds.unused_lifetime));
    arguments
}
