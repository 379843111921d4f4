//! What the fields mean that other people's shippers send: `filters/doors.toml`.

use std::sync::LazyLock;

use model::FieldNames;
use serde::Deserialize;

/// The file as it is written.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct DoorsFile(#[serde(with = "Fields")] FieldNames);

/// What may stand in it: all that the model knows.
#[derive(Default, Deserialize)]
#[serde(remote = "FieldNames", deny_unknown_fields, default)]
struct Fields {
    hosts: Vec<String>,
    paths: Vec<String>,
    services: Vec<String>,
    lines: Vec<String>,
    times: Vec<String>,
    levels: Vec<String>,
    carriers: Vec<String>,
    whole: Vec<Vec<String>>,
}

/// Those that the program was built with.
pub(super) fn built_in() -> &'static FieldNames {
    static BUILT_IN: LazyLock<DoorsFile> = LazyLock::new(|| {
        rmp_serde::from_slice(include_bytes!(concat!(env!("OUT_DIR"), "/doors.msgpack")))
            .expect("a test reads the built-in file")
    });
    &BUILT_IN.0
}

/// With the lists of a site's own file in place of these.
pub(super) fn overlaid(mut names: FieldNames, DoorsFile(site): DoorsFile) -> FieldNames {
    let lists = [
        (&mut names.hosts, site.hosts),
        (&mut names.paths, site.paths),
        (&mut names.services, site.services),
        (&mut names.lines, site.lines),
        (&mut names.times, site.times),
        (&mut names.levels, site.levels),
        (&mut names.carriers, site.carriers),
    ];
    for (list, own) in lists {
        if !own.is_empty() {
            *list = own;
        }
    }
    if !site.whole.is_empty() {
        names.whole = site.whole;
    }
    names
}
