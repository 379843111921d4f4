use crate::{Severity, SignatureId, TemplateId, Timestamp};

/// One line as it stood in its source, without its line end.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Line {
    /// 1-based.
    pub number: u64,
    /// Secrets are masked, all else is byte for byte; not always UTF-8.
    pub text: Vec<u8>,
}

/// What a first look at a line tells: enough to store it and to find the other lines of its event.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Annotation {
    /// The name of the format that fits, as `parse` knows it; [`Self::PLAIN`] when none does.
    pub format: &'static str,
    /// Of the line itself, else of the event it continues, else of the line before.
    pub timestamp: Option<Timestamp>,
    pub severity: Severity,
    /// The number of the line that begins this line's event, when that is an earlier line.
    pub continues: Option<u64>,
    pub defect: Option<crate::Defect>,
    /// It may explain the failure of requests that it does not name: worth a look whenever something near fails.
    pub notable: bool,
    /// What its message says besides ids, numbers and names; none for a line that continues another.
    pub template: Option<TemplateId>,
    /// The known cause or symptom that it shows by itself, without the lines that continue it.
    pub signature: Option<SignatureId>,
}

impl Annotation {
    /// The format of lines that fit none.
    pub const PLAIN: &'static str = "plain";
}
