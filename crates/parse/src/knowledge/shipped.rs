//! What the fields mean that other people's shippers send: `filters/doors.toml`.

use std::sync::LazyLock;

use serde::Deserialize;

/// Names of fields, by what they mean; of several for the same, the first that a record has counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ShippedFields {
    pub hosts: Vec<String>,
    pub paths: Vec<String>,
    pub services: Vec<String>,
    /// What the program wrote.
    pub lines: Vec<String>,
    pub times: Vec<String>,
    pub levels: Vec<String>,
    /// Fields that tell nothing of what happened.
    pub carriers: Vec<String>,
    /// Fields of records that are lines of their own.
    pub whole: Vec<Vec<String>>,
}

impl ShippedFields {
    /// Those that the program was built with.
    pub(super) fn built_in() -> &'static Self {
        static BUILT_IN: LazyLock<ShippedFields> = LazyLock::new(|| {
            rmp_serde::from_slice(include_bytes!(concat!(env!("OUT_DIR"), "/doors.msgpack")))
                .expect("a test reads the built-in file")
        });
        &BUILT_IN
    }

    /// With the lists of a site's own file in place of these.
    pub(super) fn overlaid(mut self, site: Self) -> Self {
        let lists = [
            (&mut self.hosts, site.hosts),
            (&mut self.paths, site.paths),
            (&mut self.services, site.services),
            (&mut self.lines, site.lines),
            (&mut self.times, site.times),
            (&mut self.levels, site.levels),
            (&mut self.carriers, site.carriers),
        ];
        for (list, own) in lists {
            if !own.is_empty() {
                *list = own;
            }
        }
        if !site.whole.is_empty() {
            self.whole = site.whole;
        }
        self
    }
}
