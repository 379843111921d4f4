use std::collections::BTreeMap;

use model::{Annotation, Defect, Line, TimeRange};

/// How far an import is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    pub path: &'a str,
    /// On disk, compressed or not.
    pub bytes: u64,
    pub bytes_total: u64,
}

/// What an import did.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub files: Vec<FileReport>,
    pub unread: Vec<Unread>,
    /// Of text, without compression.
    pub bytes: u64,
    /// The caller said stop.
    pub interrupted: bool,
    /// The times of the new lines.
    pub time: Option<TimeRange>,
}

#[derive(Clone, Debug, Default)]
pub struct FileReport {
    /// As in `Source`.
    pub path: String,
    /// Nothing came since the last import.
    pub unchanged: bool,
    pub lines: u64,
    pub new_lines: u64,
    /// Lines of each format; `plain` are those that no format reads.
    pub formats: BTreeMap<&'static str, u64>,
    pub defects: Vec<DefectCount>,
}

#[derive(Clone, Debug)]
pub struct DefectCount {
    pub defect: Defect,
    pub count: u64,
    /// The number of the first such line, and its text.
    pub line: u64,
    pub text: String,
}

/// Something that was not read.
#[derive(Clone, Debug, Default)]
pub struct Unread {
    pub path: String,
    pub reason: String,
    /// What to do about it; may be empty.
    pub advice: String,
    /// Somebody wanted it: missing, unreadable, cut off; not a picture among the logs.
    pub failure: bool,
}

impl FileReport {
    pub(crate) fn count(&mut self, line: &Line, annotation: &Annotation) {
        const SHOWN: usize = 200;
        self.new_lines += 1;
        *self.formats.entry(annotation.format).or_default() += 1;
        let Some(defect) = &annotation.defect else { return };
        match self.defects.iter_mut().find(|known| known.defect == *defect) {
            Some(known) => known.count += 1,
            None => self.defects.push(DefectCount {
                defect: defect.clone(),
                count: 1,
                line: line.number,
                text: String::from_utf8_lossy(&line.text).chars().take(SHOWN).collect(),
            }),
        }
    }
}

impl Report {
    pub(crate) fn stretch(&mut self, annotation: &Annotation) {
        let Some(at) = annotation.timestamp else { return };
        let time = self.time.get_or_insert(TimeRange { start: at, end: at });
        time.start = time.start.min(at);
        time.end = time.end.max(at);
    }
}
