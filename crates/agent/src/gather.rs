//! What came since the last frame was written.

use std::collections::HashMap;

use ingest::Receipt;
use model::{Line, Source};

use crate::Cut;
use crate::states::{Changes, TextName};

#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) runs: Vec<Run>,
    /// The last run of each text.
    latest: HashMap<TextName, usize>,
    pub(crate) changes: Changes,
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) lines: usize,
    /// Of text.
    pub(crate) bytes: usize,
}

/// Consecutive lines of one text.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) source: Source,
    pub(crate) text: TextName,
    /// How many lines of the text were taken before.
    pub(crate) before: u64,
    pub(crate) lines: Vec<Line>,
    /// The numbers of those that were cut.
    pub(crate) cut: Vec<u64>,
}

impl Gathered {
    pub(crate) fn add(&mut self, run: Run) {
        self.lines += run.lines.len();
        self.bytes += run.lines.iter().map(|line| line.text.len() + 1).sum::<usize>();
        let latest = self.latest.get(&run.text).and_then(|place| self.runs.get_mut(*place));
        match latest.filter(|latest| latest.before + latest.lines.len() as u64 == run.before) {
            Some(latest) => {
                latest.lines.extend(run.lines);
                latest.cut.extend(run.cut);
            }
            None => {
                self.latest.insert(run.text, self.runs.len());
                self.runs.push(run);
            }
        }
    }

    /// A receipt alone is something too.
    pub(crate) const fn is_empty(&self) -> bool {
        self.receipts.is_empty()
    }

    pub(crate) const fn is_full(&self, cut: &Cut) -> bool {
        self.lines >= cut.lines || self.bytes >= cut.bytes
    }
}
