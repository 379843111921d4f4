//! Numbers for Prometheus. No label ever holds an id: hosts, services, slugs, streams and doors only, each bounded in number.

use std::fmt::Error;
use std::sync::atomic::Ordering;

use pipeline::{AgentStatus, DoorCount, DoorCounts, Origin, OriginCount, Status};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

type Labels<'a> = Vec<(&'static str, &'a str)>;

/// All of them, as OpenMetrics text.
#[must_use]
pub fn metrics(status: &Status) -> String {
    let mut registry = Registry::with_prefix("culprit");
    registry.register_collector(Box::new(Snapshot(status.clone())));
    let mut text = String::new();
    encode(&mut text, &registry).expect("a string takes everything");
    text
}

#[derive(Debug)]
struct Snapshot(Status);

impl Collector for Snapshot {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let mut out = Out(encoder);
        let Self(status) = self;
        out.gauge("uptime", "How long it has been running.", Some(Unit::Seconds), status.at.as_secs_f64())?;
        match &status.agent {
            Some(agent) => of_agent(&mut out, agent)?,
            None => of_store(&mut out, status)?,
        }
        of_sources(&mut out, status)
    }
}

/// A store that takes lines, and what becomes of requests.
fn of_store(out: &mut Out<'_>, status: &Status) -> Result<(), Error> {
    let origins = || status.origins.iter();
    let counted = |count: fn(&OriginCount) -> u64| {
        origins().map(move |(origin, counts)| (of_origin(origin), count(counts))).collect::<Vec<_>>()
    };
    out.counters("lines", "Lines that were stored.", None, counted(|count| count.lines))?;
    out.counters("text", "Text that was stored.", Some(Unit::Bytes), counted(|count| count.bytes))?;
    out.counters("unparsed_lines", "Lines that fit no format.", None, counted(|count| count.unparsed))?;
    let newest = origins().filter_map(|(origin, count)| Some((of_origin(origin), count.newest?.nanos())));
    #[expect(clippy::cast_precision_loss, reason = "microseconds are good enough")]
    let newest = newest.map(|(labels, nanos)| (labels, nanos as f64 / 1e9)).collect();
    let help = "The newest time that a line bears: what is missing to now is the lag of its source.";
    out.gauges("newest_line_timestamp", help, Some(Unit::Seconds), newest)?;
    let causes = status.causes.iter().map(|(slug, count)| (vec![("cause", slug.as_str())], *count)).collect();
    out.counters("failed_requests", "Requests that failed, by the slug of their cause.", None, causes)?;
    out.counter(
        "stuck_requests",
        "Requests that did not end in any time in which they should have.",
        status.stuck,
    )?;
    out.counter("incidents", "Faults that failed several requests.", status.incidents)?;
    out.gauge("watched_requests", "Requests that are being watched.", None, status.report.watched)?;
    out.counter("commits", "Commits that ended.", status.commits.count)?;
    let help = "How long all of them took.";
    out.counter_seconds("commit_duration", help, status.commits.sum.as_secs_f64())?;
    let help = "How long the longest of them took.";
    out.gauge("commit_duration_longest", help, Some(Unit::Seconds), status.commits.longest.as_secs_f64())?;
    out.gauge("queue_batches", "Batches of lines that wait to be stored.", None, status.queue.0)?;
    out.gauge("queue_batches_limit", "How many may wait.", None, status.queue.1)
}

/// Lines on their way to another machine.
fn of_agent(out: &mut Out<'_>, agent: &AgentStatus) -> Result<(), Error> {
    out.counter("lines", "Lines that were taken.", agent.lines)?;
    out.counter("sent_lines", "Lines that are acknowledged.", agent.sent)?;
    out.counter("rejected_lines", "Lines that were rejected.", agent.rejected)?;
    out.counter("requests", "Requests that were acknowledged.", agent.requests)?;
    out.counter("retries", "Attempts that failed.", agent.retries)?;
    out.gauge("spool", "What waits on the disk.", Some(Unit::Bytes), agent.spool_bytes)?;
    let oldest = agent.oldest_unsent.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    if let Some(oldest) = oldest {
        let help = "When the oldest line was taken that is not acknowledged.";
        out.gauge("oldest_unsent_timestamp", help, Some(Unit::Seconds), oldest.as_secs_f64())?;
    }
    out.gauge("sources_wait", "Whether sources wait for room.", None, u64::from(agent.waiting))
}

fn of_sources(out: &mut Out<'_>, status: &Status) -> Result<(), Error> {
    if let Some(files) = status.files {
        out.gauge("followed_files", "Files that are followed.", None, files.followed)?;
        let help = "What is there and was not read yet.";
        out.gauge("files_behind", help, Some(Unit::Bytes), files.behind)?;
        out.gauge("unreadable_files", "Files that cannot be read.", None, files.problems)?;
    }
    let streams =
        || status.brokers.iter().map(|(stream, broker)| (vec![("stream", stream.as_str())], broker));
    let waiting = streams().map(|(labels, broker)| (labels, broker.waiting)).collect();
    out.gauges("broker_waiting_messages", "Messages that wait in a queue.", None, waiting)?;
    let repeated = streams().map(|(labels, broker)| (labels, broker.repeated)).collect();
    out.counters("broker_repeated_messages", "Messages that had come before.", None, repeated)?;
    match &status.doors {
        Some(doors) => of_doors(out, doors),
        None => Ok(()),
    }
}

fn of_doors(out: &mut Out<'_>, doors: &DoorCounts) -> Result<(), Error> {
    let all = [("otlp", &doors.otlp), ("bulk", &doors.bulk), ("loki", &doors.loki)];
    let counted = |count: fn(&DoorCount) -> u64| {
        all.iter().map(|(door, counts)| (vec![("door", *door)], count(counts))).collect::<Vec<_>>()
    };
    out.counters(
        "door_requests",
        "Requests of shippers.",
        None,
        counted(|door| door.requests.load(Ordering::Relaxed)),
    )?;
    let refused = counted(|door| door.refused.load(Ordering::Relaxed));
    out.counters("door_refused_requests", "Requests of shippers that were refused.", None, refused)?;
    let records = counted(|door| door.records.load(Ordering::Relaxed));
    out.counters("door_records", "Records of shippers that were stored.", None, records)?;
    let refused = counted(|door| door.records_refused.load(Ordering::Relaxed));
    out.counters("door_refused_records", "Records of shippers that were refused.", None, refused)?;
    let strangers = doors.strangers.load(Ordering::Relaxed);
    out.counter("door_strangers", "Requests without the token.", strangers)?;
    let held = doors.bytes_in_flight.load(Ordering::Relaxed);
    out.gauge("door_in_flight", "What requests hold in memory.", Some(Unit::Bytes), held)
}

fn of_origin(origin: &Origin) -> Labels<'_> {
    vec![("host", told(origin.host.as_ref())), ("service", told(origin.service.as_ref()))]
}

fn told(name: Option<&String>) -> &str {
    name.map_or("unknown", String::as_str)
}

/// A number for a gauge.
trait Number {
    fn number(self) -> f64;
}

impl Number for f64 {
    fn number(self) -> f64 {
        self
    }
}

impl Number for u32 {
    fn number(self) -> f64 {
        f64::from(self)
    }
}

#[expect(clippy::cast_precision_loss, reason = "that is what gauges are")]
impl Number for u64 {
    fn number(self) -> f64 {
        self as f64
    }
}

#[expect(clippy::cast_precision_loss, reason = "that is what gauges are")]
impl Number for usize {
    fn number(self) -> f64 {
        self as f64
    }
}

struct Out<'a>(DescriptorEncoder<'a>);

impl Out<'_> {
    fn begin<'b>(
        &'b mut self,
        name: &'b str,
        help: &'b str,
        unit: Option<&'b Unit>,
        kind: MetricType,
    ) -> Result<MetricEncoder<'b>, Error> {
        // The encoder ends the text with a full stop of its own.
        self.0.encode_descriptor(name, help.trim_end_matches('.'), unit, kind)
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> Result<(), Error> {
        ConstCounter::new(value).encode(self.begin(name, help, None, MetricType::Counter)?)
    }

    fn counter_seconds(&mut self, name: &str, help: &str, value: f64) -> Result<(), Error> {
        ConstCounter::new(value).encode(self.begin(name, help, Some(&Unit::Seconds), MetricType::Counter)?)
    }

    fn counters(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<Unit>,
        values: Vec<(Labels<'_>, u64)>,
    ) -> Result<(), Error> {
        let mut metric = self.begin(name, help, unit.as_ref(), MetricType::Counter)?;
        values
            .iter()
            .try_for_each(|(labels, value)| ConstCounter::new(*value).encode(metric.encode_family(labels)?))
    }

    fn gauge(&mut self, name: &str, help: &str, unit: Option<Unit>, value: impl Number) -> Result<(), Error> {
        ConstGauge::new(value.number()).encode(self.begin(name, help, unit.as_ref(), MetricType::Gauge)?)
    }

    fn gauges<N: Number + Copy>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<Unit>,
        values: Vec<(Labels<'_>, N)>,
    ) -> Result<(), Error> {
        let mut metric = self.begin(name, help, unit.as_ref(), MetricType::Gauge)?;
        let encode = |(labels, value): &(Labels<'_>, N)| {
            ConstGauge::new(value.number()).encode(metric.encode_family(labels)?)
        };
        values.iter().try_for_each(encode)
    }
}
