use std::fmt;

/// OpenTelemetry's severity, at the resolution that OpenStack's logs have.
/// `AUDIT` of old releases is `Info`; the `TRACE` of old tracebacks is `Error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Severity {
    /// The line does not say.
    #[default]
    Unspecified,
    Trace,
    Debug,
    Info,
    Warning,
    Error,
    Critical,
}

impl Severity {
    pub const ALL: [Self; 7] =
        [Self::Unspecified, Self::Trace, Self::Debug, Self::Info, Self::Warning, Self::Error, Self::Critical];

    /// The `SeverityNumber` of OpenTelemetry's log data model, 0 to 24.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Unspecified => 0,
            Self::Trace => 1,
            Self::Debug => 5,
            Self::Info => 9,
            Self::Warning => 13,
            Self::Error => 17,
            Self::Critical => 21,
        }
    }

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "UNSPECIFIED",
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
            Self::Critical => "CRITICAL",
        }
    }

    /// Reads the level words of every format in any case: `WARN`, `warning`, `ERR`, `EMER`, `Note`, `FATAL`, ….
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let mut upper = [0_u8; 11];
        let word = word.as_bytes();
        let upper = upper.get_mut(..word.len())?;
        upper.copy_from_slice(word);
        upper.make_ascii_uppercase();
        Some(match &*upper {
            b"TRACE" => Self::Trace,
            b"DEBUG" | b"DBG" => Self::Debug,
            b"INFO" | b"INF" | b"AUDIT" | b"NOTICE" | b"NOTE" | b"SYSTEM" | b"INFORMATION" => Self::Info,
            b"WARNING" | b"WARN" | b"WRN" => Self::Warning,
            b"ERROR" | b"ERR" => Self::Error,
            b"CRITICAL" | b"CRIT" | b"FATAL" | b"EMERG" | b"EMER" | b"EMERGENCY" | b"ALERT" | b"PANIC" => {
                Self::Critical
            }
            b"UNSPECIFIED" => Self::Unspecified,
            _ => return None,
        })
    }

    #[must_use]
    pub fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Unspecified,
            1..=4 => Self::Trace,
            5..=8 => Self::Debug,
            9..=12 => Self::Info,
            13..=16 => Self::Warning,
            17..=20 => Self::Error,
            _ => Self::Critical,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_read_back() {
        for severity in Severity::ALL {
            assert_eq!(Severity::parse(severity.name()), Some(severity));
            assert_eq!(Severity::from_number(severity.number()), severity);
        }
        assert_eq!(Severity::parse("warn"), Some(Severity::Warning));
        assert_eq!(Severity::parse("a word that is no level"), None);
    }
}
