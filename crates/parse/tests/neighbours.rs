//! What the lines of OpenStack's neighbours become: `corpus/<name>.log` as `corpus/<name>.txt` shows it.
use std::path::Path;
use std::sync::Arc;

use expect_test::expect_file;
use model::{Annotation, Event, Line, Source, Timestamp};
use parse::{Annotator, Zone, event};

#[test]
fn neighbours_become_events() {
    for name in [
        "apache",
        "ceph",
        "cri",
        "docker",
        "journald",
        "libvirt",
        "mariadb",
        "mariadb-slow",
        "notification",
        "oslo-json",
        "ovs",
        "qemu",
        "rabbitmq",
        "syslog",
        "uwsgi",
    ] {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
        let log = std::fs::read(corpus.join(format!("{name}.log"))).unwrap();
        let shown: Vec<_> = events(&log).iter().map(shown).collect();
        expect_file![corpus.join(format!("{name}.txt"))].assert_eq(&shown.concat());
    }
}

fn events(log: &[u8]) -> Vec<Event> {
    // 2027-01-01: the year of lines that name none is the one before.
    let mut annotator =
        Annotator::new(Zone::UTC).with_year_hint(Timestamp::from_nanos(1_798_761_600_000_000_000));
    let mut groups: Vec<(Annotation, Vec<Line>)> = Vec::new();
    let log = log.strip_suffix(b"\n").unwrap_or(log);
    for (number, text) in (1..).zip(log.split(|byte| *byte == b'\n')) {
        let mut line = Line { number, text: text.to_vec() };
        let annotation = annotator.annotate(&mut line);
        let head = annotation.continues.unwrap_or(number);
        match groups.iter_mut().find(|(_, lines)| lines[0].number == head) {
            Some((_, lines)) => lines.push(line),
            None => groups.push((annotation, vec![line])),
        }
    }
    let source = Arc::new(Source::default());
    groups.iter().map(|(annotation, lines)| event(&source, lines, annotation)).collect()
}

fn shown(event: &Event) -> String {
    let time = event.timestamp.map_or("no time".to_owned(), |time| time.to_string());
    let or_dash = |text: &Option<String>| text.clone().unwrap_or("-".to_owned());
    let mut lines = vec![format!(
        "{}-{} {} {time} {} host={} process={:?} logger={}",
        event.line,
        event.end_line,
        event.format,
        event.severity,
        or_dash(&event.host),
        event.process,
        or_dash(&event.logger),
    )];
    lines.push(format!("  {}", event.body));
    lines.extend(event.detail.iter().map(|line| format!("  | {line}")));
    lines.extend(event.exchange.iter().map(|exchange| format!("  exchange {exchange:?}")));
    lines.extend(event.notification.iter().map(|notification| format!("  notification {notification:?}")));
    lines.extend(event.mentions.iter().map(|mention| format!("  {} {}", mention.kind.name(), mention.id)));
    lines.extend(
        event
            .exceptions
            .iter()
            .map(|exception| format!("  exception {}: {}", exception.class, exception.message)),
    );
    lines.extend(event.defects.iter().map(|defect| format!("  defect: {}", defect.name())));
    lines.join("\n") + "\n"
}
