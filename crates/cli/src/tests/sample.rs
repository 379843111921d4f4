//! A boot that found no free address, as it would come out of the engine.

use std::sync::Arc;

use correlate::Case;
use model::{
    Attempt, Candidate, Defect, Entry, Event, Id, IdKind, Link, LinkKind, Mention, Missing, Outcome, Reason,
    Request, Severity, Signature, Source, Span, Step, Summary, TimeRange, Timestamp, Trace, Verdict,
};

use crate::engine::{DefectCount, FileReport, FilterReport, ImportReport, Passage, Skipped};
use crate::render::Layout;

pub(super) const PIPE: Layout = Layout { width: 100, terminal: false, ascii: false };
pub(super) const TERMINAL: Layout = Layout { width: 100, terminal: true, ascii: false };

const REQUEST: &str = "3f0c41de-7a52-4a6e-9a6b-0c9d5a1f7e21";
const INSTANCE: &str = "4f3a5566-7a10-4c11-8d35-0123456789ab";

pub(super) fn id(text: &str) -> Id {
    Id::parse(text).unwrap()
}

/// Milliseconds after 2026-11-21 02:11:09.
pub(super) fn at(millis: i64) -> Timestamp {
    Timestamp::from_nanos((1_795_227_069_000 + millis) * 1_000_000)
}

fn range(start: i64, end: i64) -> TimeRange {
    TimeRange { start: at(start), end: at(end) }
}

fn event(program: &str, place: (&str, u64), millis: i64, severity: Severity, body: &str) -> Arc<Event> {
    let (daemon, host) = program.split_once('@').unwrap();
    Arc::new(Event {
        source: Arc::new(Source { path: place.0.to_owned(), ..Source::default() }),
        line: place.1,
        end_line: place.1,
        timestamp: Some(at(millis)),
        severity,
        host: Some(host.to_owned()),
        daemon: Some(daemon.to_owned()),
        body: body.to_owned(),
        ..Event::default()
    })
}

fn span(parent: Option<usize>, program: &str, name: &str, time: TimeRange, failed: bool) -> Span {
    let (service, host) = program.split_once('@').unwrap();
    let (service, host) = (service.to_owned(), Some(host.to_owned()));
    Span { parent, service, host, call: Some(id(REQUEST)), name: name.to_owned(), time, failed }
}

fn attempt(host: &str, time: TimeRange) -> Attempt {
    Attempt { instance: Some(id(INSTANCE)), host: host.to_owned(), time, outcome: Outcome::Failed }
}

pub(super) fn signature() -> Signature {
    Signature {
        slug: "neutron.ip_exhausted".to_owned(),
        title: "the network has no free address".to_owned(),
        explain: "Every address in the allocation pools of the network's subnets is taken, so the port could not be made.".to_owned(),
        remedy: "Free addresses or add a subnet:\n  openstack port list --network {network}\n  openstack subnet create --network {network} --subnet-range {range} more".to_owned(),
        depth: 80,
        ..Signature::default()
    }
}

pub(super) fn failed() -> Case {
    let cause = event(
        "neutron-server@controller",
        ("controller/neutron/neutron-server.log", 16507),
        22_208,
        Severity::Error,
        "No more IP addresses available on network 9d1e77aa-0000-4000-8000-000000000001.",
    );
    let wrapper = event(
        "nova-compute@compute-03",
        ("compute-03/nova/nova-compute.log", 812),
        23_900,
        Severity::Error,
        "Instance failed network setup after 1 attempt(s)",
    );
    let last = event(
        "nova-conductor@controller",
        ("controller/nova/nova-conductor.log", 99),
        39_120,
        Severity::Warning,
        "No valid host was found. There are not enough hosts available.",
    );
    let direct = |kind, confidence| Link { kind, confidence, via: None };
    let candidate = |event: &Arc<Event>, confidence| Candidate {
        event: Arc::clone(event),
        link: direct(LinkKind::Global, 1.0),
        signature: None,
        captures: Vec::new(),
        text: event.body.clone(),
        score: 40.0,
        confidence,
        reasons: vec![
            Reason { text: "known cause: the network has no free address".to_owned(), weight: 64.0 },
            Reason { text: "tied by a resource of the request".to_owned(), weight: -3.0 },
        ],
    };
    let first = Candidate {
        signature: Some(Arc::new(signature())),
        captures: vec![("network".to_owned(), "9d1e77aa-0000-4000-8000-000000000001".to_owned())],
        ..candidate(&cause, 0.97)
    };
    let step = |event: &Arc<Event>| Step { event: Arc::clone(event), text: event.body.clone() };
    let verdict = Verdict {
        outcome: Outcome::Failed,
        path: vec![step(&cause), step(&wrapper), step(&last)],
        candidates: vec![first, candidate(&wrapper, 0.21)],
        named: true,
        shown: Some("No valid host was found. There are not enough hosts available.".to_owned()),
        missing: None,
    };
    let entry = |event: &Arc<Event>, span, kind, confidence| Entry {
        event: Arc::clone(event),
        link: direct(kind, confidence),
        span,
    };
    let trace = Trace {
        request: Request {
            id: Some(id(REQUEST)),
            action: "boot".to_owned(),
            user: Some("5eb98cbb4c0f493c840027eb567282cc".to_owned()),
            project: None,
            resources: vec![Mention { kind: IdKind::Instance, id: id(INSTANCE) }],
            status: Some(202),
        },
        outcome: Outcome::Failed,
        entries: vec![
            entry(&cause, 3, LinkKind::Global, 1.0),
            entry(&wrapper, 2, LinkKind::Request, 1.0),
            entry(&last, 1, LinkKind::Request, 1.0),
        ],
        spans: vec![
            span(None, "nova-api@controller", "POST /v2.1/servers", range(0, 1_200), false),
            span(Some(0), "nova-conductor@controller", "nova-conductor", range(1_000, 39_120), true),
            span(Some(1), "nova-compute@compute-03", "nova-compute", range(2_500, 23_900), true),
            span(Some(2), "neutron-server@controller", "POST /v2.0/ports", range(22_000, 22_210), true),
            span(Some(1), "nova-compute@compute-01", "nova-compute", range(25_000, 38_000), true),
        ],
        attempts: vec![
            attempt("compute-03", range(2_500, 23_900)),
            attempt("compute-01", range(25_000, 38_000)),
        ],
        time: range(0, 39_120),
    };
    Case { trace, verdict }
}

pub(super) fn not_logged() -> Case {
    let mut case = failed();
    case.verdict.named = false;
    case.verdict.path = Vec::new();
    case.verdict.candidates = case.verdict.candidates.split_off(1);
    case.verdict.missing = Some(Missing {
        look_in: "the log of nova-scheduler on controller at DEBUG (debug = True)".to_owned(),
        because: "all that is logged is \"No valid host was found.\", which names no reason".to_owned(),
    });
    case
}

pub(super) fn ended(outcome: Outcome) -> Case {
    let mut case = failed();
    case.trace.outcome = outcome;
    case.trace.attempts.clear();
    case.verdict = Verdict {
        outcome,
        candidates: Vec::new(),
        named: false,
        shown: None,
        path: Vec::new(),
        missing: None,
    };
    case
}

pub(super) fn summaries() -> Vec<Summary> {
    let failed = Summary::of(&failed().trace, &failed().verdict).unwrap();
    let other = Summary {
        action: "attach volume".to_owned(),
        outcome: Outcome::Succeeded,
        slug: None,
        cause: None,
        instance: None,
        end: at(1_500),
        ..failed.clone()
    };
    vec![failed, other]
}

pub(super) fn passages() -> Vec<Passage> {
    let passage = |line, severity, body: &str, matched| Passage {
        path: "compute-03/nova/nova-compute.log".to_owned(),
        host: Some("compute-03".to_owned()),
        service: Some("nova".to_owned()),
        daemon: Some("nova-compute".to_owned()),
        timestamp: Some(at(23_900)),
        severity,
        line,
        body: body.to_owned(),
        lines: vec![(line, format!("2026-11-21 02:11:32.900 7 {severity} {body}"))],
        request: Some(id(REQUEST)),
        matched,
        cursor: index::Cursor::parse("0.0.0").unwrap(),
    };
    let mut error = passage(812, Severity::Error, "Instance failed network setup after 1 attempt(s)", true);
    error.lines.push((813, "Traceback (most recent call last):".to_owned()));
    error.lines.push((814, "PortLimitExceeded: Maximum number of ports exceeded".to_owned()));
    vec![passage(811, Severity::Info, "Claim successful", false), error]
}

pub(super) fn report() -> ImportReport {
    let defect = DefectCount {
        defect: Defect::BadTimestamp,
        count: 3,
        line: 12,
        text: "2026-13-41 99:11:32.900 7 INFO nova.compute.manager".to_owned(),
    };
    let file = |path: &str, lines, formats: &[(&'static str, u64)]| FileReport {
        path: path.to_owned(),
        unchanged: lines == 0,
        lines,
        new_lines: lines,
        formats: formats.iter().copied().collect(),
        defects: Vec::new(),
    };
    let mut odd = file("controller/nova/nova-api.log", 181_320, &[("oslo", 181_300), ("plain", 20)]);
    odd.defects.push(defect);
    odd.new_lines = 1_320;
    ImportReport {
        files: vec![
            odd,
            file("compute-03/libvirt/libvirtd.log", 4_100, &[("libvirt", 4_100)]),
            file("old.log", 0, &[]),
        ],
        skipped: vec![
            Skipped {
                path: "/var/log/secret.log".to_owned(),
                reason: "permission denied".to_owned(),
                advice: "run the import as a user that may read it".to_owned(),
                failure: true,
            },
            Skipped { path: "logo.png".to_owned(), reason: "not text".to_owned(), ..Skipped::default() },
        ],
        bytes: 34_100_000,
        seconds: 0.91,
        interrupted: false,
    }
}

pub(super) fn findings() -> FilterReport {
    let what = "signature `our.disk_full` does not match its sample `No space left`".to_owned();
    FilterReport {
        signatures: 128,
        findings: vec![parse::Finding { file: "ours.toml".to_owned(), line: 7, what }],
    }
}
