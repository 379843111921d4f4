//! Fields of records, by their names.

use serde_json::{Map, Value};

/// The first of `names` that is there.
pub(super) fn find<'a>(fields: &'a Map<String, Value>, names: &[String]) -> Option<&'a str> {
    names.iter().find_map(|name| text(fields, name))
}

pub(super) fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    field(fields, name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// By its whole name, or by the way through objects in objects.
pub(super) fn field<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(value) = fields.get(name) {
        return Some(value);
    }
    let (first, rest) = name.split_once('.')?;
    field(fields.get(first)?.as_object()?, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_flat_and_in_objects() {
        let check = |json: &str, expected: Option<&str>| {
            let Ok(Value::Object(fields)) = serde_json::from_str(json) else { panic!("{json}") };
            let names = ["host.name", "hostname"].map(str::to_owned);
            assert_eq!(find(&fields, &names), expected, "{json}");
        };
        check(r#"{"host.name":"a"}"#, Some("a"));
        check(r#"{"host":{"name":"a"},"hostname":"b"}"#, Some("a"));
        check(r#"{"host":"a","hostname":"b"}"#, Some("b"));
        check(r#"{"host":{"name":7}}"#, None);
        check(r#"{"host":{"name":""}}"#, None);
    }
}
