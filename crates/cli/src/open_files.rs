//! How many files the program may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// A store that is being read keeps a file open for each of its segments, and years of days have thousands. The soft
/// limit is small for the sake of programs that use `select`; the hard one is what the administrator meant.
pub(crate) fn allow_many() {
    let limit = getrlimit(Resource::Nofile);
    // When that is refused, commands that need more files say so.
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap_or_default();
}
