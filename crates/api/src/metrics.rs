//! Numbers for Prometheus. No label ever holds an id: hosts, services, slugs, streams and doors only, each bounded in number.

use std::fmt::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pipeline::{AgentStatus, DoorCounts, ForwardCounts, Origin, OriginCount, Status};
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
pub fn metrics(status: Arc<Status>) -> String {
    let mut registry = Registry::with_prefix("culprit");
    registry.register_collector(Box::new(Snapshot(status)));
    let mut text = String::new();
    encode(&mut text, &registry).expect("a string takes everything");
    text
}

#[derive(Debug)]
struct Snapshot(Arc<Status>);

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
    of_doors(out, status.doors.as_deref(), status.forward.as_deref())
}

fn of_doors(
    out: &mut Out<'_>,
    doors: Option<&DoorCounts>,
    forward: Option<&ForwardCounts>,
) -> Result<(), Error> {
    let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let (mut requests, mut refused, mut records, mut refused_records) = Default::default();
    let count = |values: &mut Vec<(Labels<'static>, u64)>, door, counter| {
        values.push((vec![("door", door)], load(counter)));
    };
    if let Some(doors) = doors {
        for (door, counts) in [("otlp", &doors.otlp), ("bulk", &doors.bulk), ("loki", &doors.loki)] {
            count(&mut requests, door, &counts.requests);
            count(&mut refused, door, &counts.refused);
            count(&mut records, door, &counts.records);
            count(&mut refused_records, door, &counts.records_refused);
        }
    }
    if let Some(forward) = forward {
        count(&mut requests, "forward", &forward.messages);
        count(&mut refused, "forward", &forward.bad_messages);
        count(&mut records, "forward", &forward.records);
        count(&mut refused_records, "forward", &forward.records_refused);
    }
    out.counters("door_requests", "Requests of shippers.", None, requests)?;
    out.counters("door_refused_requests", "Requests of shippers that were refused.", None, refused)?;
    out.counters("door_records", "Records of shippers that were stored.", None, records)?;
    out.counters("door_refused_records", "Records of shippers that were refused.", None, refused_records)?;
    let Some(doors) = doors else { return Ok(()) };
    out.counter("door_strangers", "Requests without the token.", load(&doors.strangers))?;
    let refused = load(&doors.connections.refused);
    out.counter(
        "door_refused_connections",
        "Connections that were closed because there were too many.",
        refused,
    )?;
    let held = load(&doors.bytes_in_flight);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What Prometheus has, row by row, without the comments.
    fn rows(status: &Status) -> Vec<String> {
        metrics(Arc::new(status.clone()))
            .lines()
            .filter(|row| !row.starts_with('#'))
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn numbers_have_the_names_of_prometheus() {
        let origin = Origin { host: Some("compute-03".to_owned()), service: Some("nova \"x\"\n".to_owned()) };
        let count = OriginCount { lines: 7, bytes: 700, unparsed: 1, newest: None };
        let status = Status {
            origins: [(origin, count)].into(),
            causes: [("neutron.ip_exhausted".to_owned(), 3)].into(),
            doors: Some(Arc::default()),
            queue: (2, 32),
            ..Status::default()
        };
        let rows = rows(&status);
        let check = |row: &str| assert!(rows.iter().any(|known| known == row), "{row}\n{rows:#?}");
        check(r#"culprit_lines_total{host="compute-03",service="nova \"x\"\n"} 7"#);
        check(r#"culprit_text_bytes_total{host="compute-03",service="nova \"x\"\n"} 700"#);
        check(r#"culprit_failed_requests_total{cause="neutron.ip_exhausted"} 3"#);
        check(r#"culprit_door_records_total{door="otlp"} 0"#);
        check("culprit_queue_batches 2.0");
        assert!(metrics(Arc::new(status)).ends_with("# EOF\n"));
    }

    #[test]
    fn an_agent_tells_what_it_sent() {
        let agent = AgentStatus { lines: 5, sent: 4, waiting: true, ..AgentStatus::default() };
        let rows = rows(&Status { agent: Some(agent), ..Status::default() });
        for row in ["culprit_lines_total 5", "culprit_sent_lines_total 4", "culprit_sources_wait 1.0"] {
            assert!(rows.iter().any(|known| known == row), "{row}\n{rows:#?}");
        }
    }
}
