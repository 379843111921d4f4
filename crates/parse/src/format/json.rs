//! What every JSON format needs: one object per line, and fields that may be missing, null, empty or of another type.
use std::borrow::Cow;

use serde_json_borrow::{ObjectAsVec, Value};

/// In the order in which the fields are written; of a field that comes twice the first counts.
pub(super) type Object<'text> = ObjectAsVec<'text>;

/// The object that `text` is. serde_json's own limit keeps deep nesting off the stack.
pub(super) fn object(text: &str) -> Option<Object<'_>> {
    let text = text.trim();
    let shaped = text.starts_with('{') && text.ends_with('}');
    match shaped.then(|| serde_json::from_str(text)) {
        Some(Ok(Value::Object(object))) => Some(object),
        _ => None,
    }
}

/// A text that says something: not empty, not `-`, not `None`.
pub(super) fn text<'a>(object: &'a Object<'_>, key: &str) -> Option<&'a str> {
    object.get(key)?.as_str().filter(|text| !matches!(*text, "" | "-" | "None"))
}

/// The first of `keys` that holds a text.
pub(super) fn first_text<'a>(object: &'a Object<'_>, keys: &[&str]) -> Option<&'a str> {
    keys.iter().find_map(|key| text(object, key))
}

/// A text, or what a number, boolean, list or object looks like.
pub(super) fn shown<'a>(value: &'a Value<'_>) -> Cow<'a, str> {
    match value {
        Value::Str(text) => Cow::Borrowed(text),
        Value::Null => Cow::Borrowed(""),
        other => Cow::Owned(other.to_string()),
    }
}

/// A number, written as one or as a text.
pub(super) fn number(object: &Object<'_>, key: &str) -> Option<f64> {
    match object.get(key)? {
        Value::Str(text) => text.trim().parse().ok(),
        value => value.as_f64(),
    }
}

pub(super) fn process(object: &Object<'_>, key: &str) -> Option<u32> {
    match object.get(key)? {
        Value::Str(text) => text.parse().ok(),
        value => value.as_u64().and_then(|number| number.try_into().ok()),
    }
}

pub(super) fn owned<'a>(text: Option<&str>) -> Option<Cow<'a, str>> {
    text.map(|text| Cow::Owned(text.to_owned()))
}

/// The lines of a text, or of a list of texts.
pub(super) fn lines(value: &Value<'_>) -> Vec<String> {
    match value {
        Value::Str(text) => text.lines().map(str::to_owned).collect(),
        Value::Array(parts) => {
            parts.iter().filter_map(Value::as_str).flat_map(str::lines).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}
