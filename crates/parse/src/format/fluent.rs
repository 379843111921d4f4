//! oslo.log's `FluentFormatter`, as fluentd stores it: `level` and `time` where `JSONFormatter` has `levelname` and
//! `created`.
use super::json;
use super::oslo_json::{owned_stamp, record};
use crate::header::{Header, Stamp};

pub(crate) fn read(text: &str) -> Option<Header<'_>> {
    let object = json::object(text)?;
    let level = json::text(&object, "level")?;
    let known = ["message", "name", "funcname"].iter().all(|key| object.contains_key(key));
    if !known {
        return None;
    }
    let stamp = json::text(&object, "time").map_or(Stamp::Missing, owned_stamp);
    Some(Header { stamp, program: program(&object), ..record(&object, level) })
}

/// uWSGI's name of the program, else the file name of the command.
fn program(object: &json::Object<'_>) -> Option<std::borrow::Cow<'static, str>> {
    let command = object.get("cmdline").and_then(|command| match command {
        serde_json_borrow::Value::Array(words) => words.first()?.as_str(),
        command => command.as_str()?.split_whitespace().next(),
    });
    let file = command.and_then(|command| command.rsplit('/').next()).filter(|file| !file.is_empty());
    json::owned(json::text(object, "uwsgi_name").or(file))
}

#[cfg(test)]
mod tests {
    use model::Severity;

    use super::*;
    use crate::format::written_time::tests::shown;

    #[test]
    fn a_record_reads_like_one_of_the_json_formatter() {
        let line = r#"{"message":"Failed to bind port","time":"2026-11-21 03:28:16,763","name":"neutron.plugins.ml2.managers","level":"WARNING","filename":"managers.py","lineno":1,"module":"managers","funcname":"_bind","process_name":"MainProcess","cmdline":["/usr/bin/neutron-server","--x"],"hostname":"ctl1","traceback":null,"error_summary":"","context":{"request_id":"req-7c75dbb2-f5d1-42e2-b753-f985202cc9fb"},"extra":{}}"#;
        let header = read(line).expect("a record");
        assert_eq!(shown(header.stamp), "2026-11-21T03:28:16.763 local");
        assert_eq!((header.severity, header.program.as_deref()), (Severity::Warning, Some("neutron-server")));
        assert_eq!((&*header.body, header.context.bracket), ("Failed to bind port", true));
        assert_eq!(read(r#"{"message":"x","level":"info","time":"y"}"#), None);
    }
}
