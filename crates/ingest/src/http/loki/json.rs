use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{Entries, Entry, MOST_LABELS, too_long};
use crate::http::refusal::Refusal;

#[derive(Deserialize)]
struct Push<'a> {
    #[serde(borrow)]
    streams: Vec<Stream<'a>>,
}

#[derive(Deserialize)]
struct Stream<'a> {
    #[serde(borrow)]
    stream: &'a RawValue,
    #[serde(borrow)]
    values: Vec<&'a RawValue>,
}

pub(super) fn read(text: &[u8], entries: &mut Entries<'_, '_>) -> Result<(), Refusal> {
    let malformed = |error: serde_json::Error| Refusal::Malformed(error.to_string());
    let push: Push<'_> = serde_json::from_slice(text).map_err(malformed)?;
    for Stream { stream, values } in push.streams {
        let labels = Arc::new(map(stream)?);
        for value in values {
            let parts: Vec<&RawValue> = serde_json::from_str(value.get()).map_err(malformed)?;
            let [time, line, metadata @ ..] = parts.as_slice() else {
                return Err(Refusal::Malformed("an entry is no list of a time and a line".to_owned()));
            };
            let time: Cow<'_, str> = serde_json::from_str(time.get()).map_err(malformed)?;
            let line: String = serde_json::from_str(line.get()).map_err(malformed)?;
            let entry = Entry {
                time: time
                    .parse()
                    .map_err(|_| Refusal::Malformed(format!("{time:?} are no nanoseconds since 1970")))?,
                line: line.as_bytes(),
                metadata: metadata.first().map(|metadata| map(metadata)).transpose()?.unwrap_or_default(),
            };
            entries.take(&labels, entry)?;
        }
    }
    Ok(())
}

fn map(json: &RawValue) -> Result<Map<String, Value>, Refusal> {
    if json.get().len() > MOST_LABELS {
        return Err(too_long("labels"));
    }
    serde_json::from_str(json.get()).map_err(|error| Refusal::Malformed(error.to_string()))
}
