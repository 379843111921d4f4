//! The few options that the commands take. A parser crate would be most of this package's build time.

use std::str::FromStr;

use anyhow::{Context as _, Result, bail};

#[derive(Debug)]
pub(crate) struct Options {
    arguments: Vec<String>,
}

impl Options {
    pub(crate) fn new(arguments: Vec<String>) -> Self {
        Self { arguments }
    }

    /// Takes `name` away and tells whether it was there.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let found = self.arguments.iter().position(|argument| argument == name);
        found.map(|at| self.arguments.remove(at)).is_some()
    }

    /// Takes `name VALUE` or `name=VALUE` away.
    pub(crate) fn value<T: FromStr>(&mut self, name: &str) -> Result<Option<T>> {
        let with_value = |argument: &str| Some(argument.strip_prefix(name)?.strip_prefix('=')?.to_owned());
        let found =
            self.arguments.iter().position(|argument| argument == name || with_value(argument).is_some());
        let Some(at) = found else { return Ok(None) };
        let argument = self.arguments.remove(at);
        let text = match with_value(&argument) {
            Some(text) => text,
            None if at < self.arguments.len() => self.arguments.remove(at),
            None => bail!("{name} needs a value"),
        };
        text.parse().map(Some).ok().with_context(|| format!("{name} cannot be `{text}`"))
    }

    /// The one argument that is no option.
    pub(crate) fn positional(&mut self) -> Option<String> {
        let at = self.arguments.iter().position(|argument| !argument.starts_with('-'))?;
        Some(self.arguments.remove(at))
    }

    /// Everything must have been taken by now.
    pub(crate) fn finish(self) -> Result<()> {
        match self.arguments.first() {
            None => Ok(()),
            Some(argument) => bail!("unexpected argument `{argument}`; --help lists the options"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(line: &str) -> Options {
        Options::new(line.split_whitespace().map(str::to_owned).collect())
    }

    #[test]
    fn options_are_taken_wherever_they_stand() {
        for line in ["--seconds 5 --verbose cloud", "cloud --verbose --seconds=5"] {
            let mut options = options(line);
            assert_eq!(options.value("--seconds").unwrap(), Some(5));
            assert!(options.flag("--verbose") && !options.flag("--verbose"));
            assert_eq!(options.positional().as_deref(), Some("cloud"));
            options.finish().unwrap();
        }
    }

    #[test]
    fn what_nobody_takes_is_an_error() {
        assert!(options("--sconds 5").finish().is_err());
        assert!(options("--seconds").value::<u64>("--seconds").is_err());
        assert!(options("--seconds many").value::<u64>("--seconds").is_err());
        assert_eq!(options("").value::<u64>("--seconds").unwrap(), None);
    }
}
