//! A service that notifies, as oslo.messaging does: numbered, persistent, confirmed, and sent once more under the same id
//! when the broker did not confirm.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use culprit_tests::random::Random;
use lapin::options::{
    BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, ExchangeDeleteOptions,
    QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind};
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::books::Key;
use crate::world::World;

const EXCHANGE: &str = "nova";
const QUEUE: &str = "culprit.nova";

/// For one question to a broker.
const PATIENCE: Duration = Duration::from_secs(10);
/// For a broker that was killed to be back.
const LONGEST: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(crate) struct Publisher<'a> {
    world: &'a World,
    writer: u64,
    url: String,
    random: Random,
    runtime: Runtime,
}

impl<'a> Publisher<'a> {
    /// The exchange stands then, and nothing of an earlier run.
    pub(crate) fn new(world: &'a World, writer: u64, url: &str, seed: u64) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let publisher = Self { world, writer, url: url.to_owned(), random: Random::new(seed), runtime };
        publisher.until_done("prepare an exchange", || publisher.prepare())?;
        Ok(publisher)
    }

    pub(crate) fn run(mut self, bursts: usize) -> Result<()> {
        self.until_done("find the queue that is to be read", || self.find_queue())?;
        let mut number = 0;
        for _ in 0..bursts {
            self.world.go_on()?;
            let count = self.random.mostly_small(60) + 1;
            let mut waiting: Vec<Vec<u8>> =
                (1..=count).map(|next| self.notification(number + next)).collect();
            number += count;
            let began = Instant::now();
            while let Err(error) = self.publish(&mut waiting) {
                ensure!(began.elapsed() < LONGEST, "failed to publish: {error:#}");
                self.world.go_on()?;
                self.world.note(format!("publishing: {error:#}"));
                std::thread::sleep(PAUSE);
            }
            std::thread::sleep(Duration::from_millis(self.random.below(300)));
        }
        Ok(())
    }

    fn until_done(&self, what: &str, mut attempt: impl FnMut() -> Result<()>) -> Result<()> {
        let began = Instant::now();
        while let Err(error) = attempt() {
            self.world.go_on()?;
            ensure!(began.elapsed() < LONGEST, "failed to {what}: {error:#}");
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    fn prepare(&self) -> Result<()> {
        self.within(async {
            let (_connection, channel) = connect(&self.url).await?;
            channel.queue_delete(QUEUE.into(), QueueDeleteOptions::default()).await?;
            channel.exchange_delete(EXCHANGE.into(), ExchangeDeleteOptions::default()).await?;
            let (kind, options) = (ExchangeKind::Topic, durable());
            channel.exchange_declare(EXCHANGE.into(), kind, options, FieldTable::default()).await?;
            Ok(())
        })
    }

    fn find_queue(&self) -> Result<()> {
        self.within(async {
            let (_connection, channel) = connect(&self.url).await?;
            let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            channel.queue_declare(QUEUE.into(), passive, FieldTable::default()).await?;
            Ok(())
        })
    }

    /// Takes away what is confirmed.
    fn publish(&self, waiting: &mut Vec<Vec<u8>>) -> Result<()> {
        self.within(async {
            let (_connection, channel) = connect(&self.url).await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            while !waiting.is_empty() {
                let together = waiting.len().min(7);
                let mut confirms = Vec::new();
                for body in waiting.iter().take(together) {
                    // What is not routed comes back: the queue may not be bound yet.
                    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
                    let persistent = BasicProperties::default().with_delivery_mode(2);
                    let key = "notifications.info".into();
                    confirms
                        .push(channel.basic_publish(EXCHANGE.into(), key, options, body, persistent).await?);
                }
                for confirm in confirms {
                    let confirmation = confirm.await?;
                    ensure!(matches!(confirmation, Confirmation::Ack(None)), "{confirmation:?}");
                    waiting.remove(0);
                }
            }
            Ok(())
        })
    }

    fn within<T>(&self, asking: impl Future<Output = Result<T>>) -> Result<T> {
        let asking = async { timeout(PATIENCE, asking).await.context("the broker is silent")? };
        self.runtime.block_on(asking)
    }

    fn notification(&mut self, number: u64) -> Vec<u8> {
        let key = Key { writer: self.writer, number };
        let message = json!({
            "message_id": format!("{:016x}-{}", self.random.number(), key.written()),
            "publisher_id": "compute.compute-04",
            "event_type": "compute.instance.update",
            "priority": "INFO",
            "payload": {"number": key.written(), "state": "building", "metadata": "m".repeat(self.random.size(1, 2000))},
            "timestamp": "2026-11-21 03:28:43.459807",
        });
        let body = if self.random.one_in(2) {
            message.to_string()
        } else {
            json!({"oslo.version": "2.0", "oslo.message": message.to_string()}).to_string()
        };
        self.world.books.enter(key, body.clone().into_bytes(), "notifications");
        body.into_bytes()
    }
}

async fn connect(url: &str) -> Result<(Connection, Channel)> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    Ok((connection, channel))
}

fn durable() -> ExchangeDeclareOptions {
    ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() }
}
