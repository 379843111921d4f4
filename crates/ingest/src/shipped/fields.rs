use serde_json::{Map, Value};

/// What the fields of records mean: `host.name` is a field of that name, or `name` in a field `host`. Of several names
/// for the same, the first that a record has counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldNames {
    pub hosts: Vec<String>,
    pub paths: Vec<String>,
    pub services: Vec<String>,
    /// What the program wrote.
    pub lines: Vec<String>,
    pub times: Vec<String>,
    /// A record with one of these was taken apart: what is left in its line is not all that the program wrote.
    pub levels: Vec<String>,
    /// Fields that shippers add, and that say nothing about the event.
    pub carriers: Vec<String>,
    /// Fields of records that are lines of their own: kept as they are.
    pub whole: Vec<Vec<String>>,
}

impl FieldNames {
    /// Whether it tells nothing that is not known already when the record's line is.
    pub(super) fn is_carrier(&self, field: &str) -> bool {
        let first = field.split('.').next().unwrap_or(field);
        let named = |names: &Vec<String>| {
            names.iter().any(|name| name == field || name.split('.').next() == Some(field))
        };
        self.carriers.iter().any(|carrier| carrier == field || carrier == first)
            || [&self.hosts, &self.paths, &self.services, &self.lines, &self.times].into_iter().any(named)
    }
}

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

    #[test]
    fn what_shippers_add_says_nothing() {
        let names = FieldNames {
            hosts: vec!["host.name".to_owned()],
            carriers: vec!["agent".to_owned()],
            ..FieldNames::default()
        };
        let carriers = ["agent", "agent.type", "host", "host.name", "level", "agents"];
        assert_eq!(carriers.map(|field| names.is_carrier(field)), [true, true, true, true, false, false]);
    }
}
