//! One wrong byte, anywhere: it is noticed, named, and costs at most its block.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use index::{Reader, verify};
use model::TimeRange;

use crate::account::{Account, lines_of};
use crate::fault::files;
use crate::truth::Truth;
use culprit_tests::random::Random;

/// As many lines as a block holds.
const BLOCK: u64 = 1024;

/// Turns one bit of a whole store round, looks, and turns it back.
pub(crate) fn flip_a_byte(store: &Path, truth: &Truth, random: &mut Random) -> Result<()> {
    let holds_nothing = |path: &Path| {
        path.file_name().is_some_and(|name| name == "lock")
            || path.extension().is_some_and(|ending| ending == "lock")
    };
    let mut paths = files(store)?;
    paths.retain(|path| !holds_nothing(path));
    let path = random.pick(&paths);
    let sound = fs::read(path)?;
    if sound.is_empty() {
        return Ok(());
    }
    let at = random.size(0, sound.len());
    let mut wrong = sound.clone();
    wrong[at] ^= 1 << random.below(8);
    fs::write(path, &wrong)?;
    let outcome = look(store, truth, random, path);
    fs::write(path, &sound)?;
    outcome.with_context(|| format!("byte {at} of `{}` is wrong", path.display()))
}

fn look(store: &Path, truth: &Truth, random: &mut Random, path: &Path) -> Result<()> {
    let named = verify(store, &mut |_| ())?;
    ensure!(named.iter().any(|damage| damage.path == path), "verify does not name it: {named:?}");
    let reader = Reader::open(store)?;
    let account = Account::of(&reader, truth)?;
    ensure!(account.duplicated == 0 && account.wrong == 0, "a reader gives wrong lines");
    if let (Some(first), Some(last)) = (account.lost.first(), account.lost.last()) {
        let one_block = first.0 == last.0 && last.1 - first.1 < BLOCK;
        ensure!(one_block, "it costs {} lines, from {first:?} to {last:?}", account.lost.len());
        ensure!(!reader.damage().is_empty(), "lines are missing, and nobody is told");
    }
    for (id, places) in truth.some_ids(random, 40) {
        let found = lines_of(&reader.lines_with(&id, TimeRange::ALL))?;
        let expected: BTreeSet<_> = places.difference(&account.lost).cloned().collect();
        let missing: Vec<_> = expected.difference(&found).collect();
        let told = reader.damage().iter().any(|damage| damage.what.contains("name an id"));
        ensure!(missing.is_empty() || told, "{id:?} does not find {missing:?}; told: {:?}", reader.damage());
    }
    Ok(())
}
