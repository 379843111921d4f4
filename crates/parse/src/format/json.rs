//! What every JSON format needs: one object per line, and fields that may be missing, null, empty or of another type.
use std::borrow::Cow;

use serde_json::{Map, Value};

pub(super) type Object = Map<String, Value>;

/// The object that `text` is. serde_json's own limit keeps deep nesting off the stack.
pub(super) fn object(text: &str) -> Option<Object> {
    let text = text.trim();
    let shaped = text.starts_with('{') && text.ends_with('}');
    shaped.then(|| serde_json::from_str(text).ok()).flatten()
}

/// A text that says something: not empty, not `-`, not `None`.
pub(super) fn text<'a>(object: &'a Object, key: &str) -> Option<&'a str> {
    object.get(key)?.as_str().filter(|text| !matches!(*text, "" | "-" | "None"))
}

/// The first of `keys` that holds a text.
pub(super) fn first_text<'a>(object: &'a Object, keys: &[&str]) -> Option<&'a str> {
    keys.iter().find_map(|key| text(object, key))
}

/// A text, or what a number, boolean, list or object looks like.
pub(super) fn shown<'a>(value: &'a Value) -> Cow<'a, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Null => Cow::Borrowed(""),
        other => Cow::Owned(other.to_string()),
    }
}

/// A number, written as one or as a text.
pub(super) fn number(object: &Object, key: &str) -> Option<f64> {
    match object.get(key)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

pub(super) fn process(object: &Object, key: &str) -> Option<u32> {
    match object.get(key)? {
        Value::Number(number) => number.as_u64().and_then(|number| number.try_into().ok()),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

pub(super) fn owned<'a>(text: Option<&str>) -> Option<Cow<'a, str>> {
    text.map(|text| Cow::Owned(text.to_owned()))
}

/// The lines of a text, or of a list of texts.
pub(super) fn lines(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => text.lines().map(str::to_owned).collect(),
        Value::Array(parts) => {
            parts.iter().filter_map(Value::as_str).flat_map(str::lines).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}
