//! How fast notifications are drained, beside a consumer that only acknowledges, on one broker in one run.
//!
//!     cargo run --release -p ingest --example drain_rate -- amqp://guest:guest@localhost [MESSAGES] [MILLISECONDS]
//!
//! An exchange is bound to our own queue and to another one of the same kind. Both are filled while nobody reads; then
//! both are drained side by side, four times. Lines count as durable at the next of our commits, one every so many
//! milliseconds (200), as a store would make them. The broker keeps nothing of it.

#![expect(clippy::print_stdout, reason = "a program that talks to whoever measures")]

use std::collections::HashMap;
use std::error::Error;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_core::Stream as _;
use ingest::LiveSource as _;
use ingest::amqp::{Bounds, Cluster, Notifications, Take};
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions, QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ExchangeKind};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

const EXCHANGE: &str = "culprit-drain-rate";
const OURS: &str = "drain-rate.culprit-drain-rate";
const THEIRS: &str = "drain-rate-acknowledged";
const KEY: &str = "notifications.info";
const ROUNDS: u32 = 4;

type Outcome<T> = Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("name the broker: amqp://guest:guest@localhost")?;
    let messages: usize = arguments.next().map_or(Ok(100_000), |count| count.parse())?;
    let between_commits = Duration::from_millis(arguments.next().map_or(Ok(200), |count| count.parse())?);

    let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    prepare(&channel, &url).await?;
    let (mut ours, mut theirs) = (Duration::ZERO, Duration::ZERO);
    for round in 1..=ROUNDS {
        fill(&channel, messages).await?;
        let (acknowledged, drained) =
            tokio::try_join!(acknowledge(&connection, messages), drain(&url, messages, between_commits))?;
        println!(
            "round {round}: only acknowledged {}, drained {}",
            rate(messages, acknowledged),
            rate(messages, drained)
        );
        theirs += acknowledged;
        ours += drained;
    }
    println!(
        "drained at {:.0} % of the rate of a consumer that only acknowledges",
        100.0 * theirs.as_secs_f64() / ours.as_secs_f64()
    );
    Ok(())
}

fn rate(messages: usize, time: Duration) -> String {
    format!("{:.0}/s", messages as f64 / time.as_secs_f64())
}

fn cluster(url: &str) -> Outcome<Cluster> {
    let take = Take::Copy {
        exchanges: vec![EXCHANGE.to_owned()],
        routing_keys: vec![KEY.to_owned()],
        queue_prefix: "drain-rate".to_owned(),
        bounds: Bounds { messages: u32::MAX, unused_lifetime: Duration::from_secs(600), ..Bounds::default() },
    };
    Ok(Cluster::new("measured", vec![url.parse()?], take))
}

/// Our queue is made by the source itself.
async fn prepare(channel: &Channel, url: &str) -> Outcome<()> {
    let kind = ExchangeKind::Topic;
    let passing = ExchangeDeclareOptions { auto_delete: true, ..Default::default() };
    channel.exchange_declare(EXCHANGE.into(), kind, passing, FieldTable::default()).await?;
    let passing = QueueDeclareOptions { durable: true, exclusive: true, ..Default::default() };
    let mut bounds = FieldTable::default();
    bounds.insert("x-max-length".into(), AMQPValue::LongLongInt(u32::MAX.into()));
    bounds.insert("x-overflow".into(), AMQPValue::LongString("drop-head".into()));
    bounds.insert("x-message-ttl".into(), AMQPValue::LongLongInt(86_400_000));
    channel.queue_declare(THEIRS.into(), passing, bounds).await?;
    let options = QueueBindOptions::default();
    channel.queue_bind(THEIRS.into(), EXCHANGE.into(), KEY.into(), options, FieldTable::default()).await?;
    drain(url, 0, Duration::from_millis(10)).await?;
    channel.queue_purge(OURS.into(), QueuePurgeOptions::default()).await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok(())
}

async fn fill(channel: &Channel, messages: usize) -> Outcome<()> {
    let mut confirms = Vec::new();
    for number in 0..messages {
        let body = body(number);
        let (options, properties) =
            (BasicPublishOptions::default(), BasicProperties::default().with_delivery_mode(2));
        let confirm =
            channel.basic_publish(EXCHANGE.into(), KEY.into(), options, body.as_bytes(), properties).await?;
        confirms.push(confirm);
        if confirms.len() == 1000 || number + 1 == messages {
            for confirm in confirms.drain(..) {
                confirm.await?;
            }
        }
    }
    Ok(())
}

/// As large as nova's about an instance.
fn body(number: usize) -> String {
    let message = serde_json::json!({
        "message_id": format!("3dec265e-b9e2-4deb-a2f6-{:012x}", published()),
        "publisher_id": "compute.compute-04",
        "event_type": "compute.instance.update",
        "priority": "INFO",
        "payload": {
            "instance_id": "5a8326a8-3c24-4241-891d-25187119e8c8", "state": "building", "number": number,
            "image_meta": {"base_image_ref": "0679010f-c12e-4d7d-a1f6-9c887eb0e4f8", "min_disk": "1"},
            "metadata": "m".repeat(1500),
        },
        "timestamp": "2026-11-21 03:28:43.459807",
        "_context_request_id": "req-0828ff79-a028-4a47-bb35-7a5a177b7002",
    });
    serde_json::json!({"oslo.version": "2.0", "oslo.message": message.to_string()}).to_string()
}

/// No two messages of all rounds have the same id.
fn published() -> usize {
    static PUBLISHED: AtomicUsize = AtomicUsize::new(0);
    PUBLISHED.fetch_add(1, Ordering::Relaxed)
}

/// The faster of the two ways to acknowledge: many at once.
async fn acknowledge(connection: &Connection, messages: usize) -> Outcome<Duration> {
    let channel = connection.create_channel().await?;
    channel.basic_qos(1 << 15, BasicQosOptions::default()).await?;
    let started = Instant::now();
    let options = BasicConsumeOptions::default();
    let mut consumer =
        channel.basic_consume(THEIRS.into(), "acknowledges".into(), options, FieldTable::default()).await?;
    for number in 1..=messages {
        let message =
            poll_fn(|context| Pin::new(&mut consumer).poll_next(context)).await.ok_or("cancelled")??;
        if number % 512 == 0 || number == messages {
            message.acker.ack(BasicAckOptions { multiple: true }).await?;
        }
    }
    let time = started.elapsed();
    channel.close(200, "done".into()).await?;
    Ok(time)
}

/// From before the connection to the commit of the last line.
async fn drain(url: &str, messages: usize, between_commits: Duration) -> Outcome<Duration> {
    let started = Instant::now();
    let (out, mut deliveries) = mpsc::channel(16);
    let (reports, mut reported) = mpsc::channel(100);
    let stop = CancellationToken::new();
    let source = Notifications::new(cluster(url)?, &HashMap::new(), reports);
    let running = tokio::spawn(source.run(out, stop.clone()));
    while !matches!(reported.recv().await.ok_or("it ended")?, ingest::amqp::Report::Reading { .. }) {}

    let mut commits = tokio::time::interval(between_commits);
    commits.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut lines, mut receipts) = (0, Vec::new());
    while lines < messages || !receipts.is_empty() {
        tokio::select! {
            Some(delivery) = deliveries.recv() => {
                lines += delivery.batch.lines.len();
                receipts.push(delivery.receipt);
            }
            _ = commits.tick() => receipts.drain(..).for_each(ingest::Receipt::tell),
        }
    }
    let time = started.elapsed();
    stop.cancel();
    running.await??;
    if lines != messages {
        return Err(format!("{lines} lines of {messages} messages").into());
    }
    Ok(time)
}
