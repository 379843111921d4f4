use serde_json::{Map, Value};

/// `{job="nova", filename="/var/log/nova/nova-api.log"}`, with the escapes of Go. `None` when it is something else.
pub(super) fn labels(written: &str) -> Option<Map<String, Value>> {
    let mut rest = written.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
    let mut labels = Map::new();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = quoted(after.trim_start())?;
        labels.insert(name.trim().to_owned(), Value::String(value));
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(after) => after.trim_start(),
            None if after.is_empty() => after,
            None => return None,
        };
    }
    Some(labels)
}

/// A text in quotes, and what comes after it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut chars = text.strip_prefix('"')?.chars();
    let mut value = String::new();
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' => value.push(escaped(&mut chars)?),
            other => value.push(other),
        }
    }
}

fn escaped(chars: &mut std::str::Chars<'_>) -> Option<char> {
    Some(match chars.next()? {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'x' => hex(chars, 2)?,
        'u' => hex(chars, 4)?,
        'U' => hex(chars, 8)?,
        other => other,
    })
}

fn hex(chars: &mut std::str::Chars<'_>, digits: usize) -> Option<char> {
    let (hex, rest) = chars.as_str().split_at_checked(digits)?;
    let code = u32::from_str_radix(hex, 16).ok()?;
    *chars = rest.chars();
    char::from_u32(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_with_their_escapes() {
        let check = |written: &str, expected: &str| {
            let seen = labels(written).map(|labels| Value::Object(labels).to_string());
            assert_eq!(seen.unwrap_or_default(), expected, "{written}");
        };
        check("{}", "{}");
        check(r#" { a = "b" , c="d,}=" } "#, r#"{"a":"b","c":"d,}="}"#);
        check(r#"{a="b\"\\\n\u00e9\x41",}"#, r#"{"a":"b\"\\\néA"}"#);
        for broken in ["", "a", "{a}", r#"{a="b}"#, r#"{a="b" c="d"}"#, r#"{a="\u12"}"#, r#"{a="\ud800"}"#] {
            check(broken, "");
        }
    }
}
