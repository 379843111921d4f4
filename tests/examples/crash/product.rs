//! The same with the program itself: `culprit import`, killed again and again, ends where an undisturbed one ends.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use index::Reader;

use crate::account::{Account, settle_accounts};
use crate::system_calls::Injection;
use crate::truth::Truth;
use culprit_tests::random::Random;

/// `culprit import`, with commits as small as the seed wants them.
pub(crate) fn import(command: &mut Command, store: &Path, logs: &Path, seed: u64) {
    let mut random = Random::new(seed);
    let commit = random.size(16 << 10, 512 << 10);
    let segment = random.size(16 << 10, 512 << 10);
    command.arg("--store").arg(store).args(["--quiet", "import"]);
    command.args(["--commit-bytes", &commit.to_string(), "--segment-bytes", &segment.to_string()]).arg(logs);
}

/// How many requests the program lists.
fn requests(binary: &Path, store: &Path) -> Result<usize> {
    let mut command = Command::new(binary);
    let output = command.arg("--store").arg(store).args(["--json", "requests", "-n", "0"]).output()?;
    Ok(output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count())
}

/// Cuts the end off some files, as if they had not been written yet.
pub(crate) fn cut_files(logs: &Path, truth: &Truth, random: &mut Random) -> Result<()> {
    for path in truth.files.keys().map(|path| logs.join(path)) {
        // Compressed ones are written at once.
        if path.exists() && random.one_in(2) {
            let length = fs::metadata(&path)?.len();
            fs::File::options().write(true).open(&path)?.set_len(1 + random.below(length))?;
        }
    }
    Ok(())
}

/// Against the files, and against a store whose import nobody disturbed.
pub(crate) fn compare(
    binary: &Path,
    store: &Path,
    logs: &Path,
    truth: &Truth,
    random: &mut Random,
) -> Result<Account> {
    let undisturbed = logs.with_file_name("undisturbed");
    let mut command = Command::new(binary);
    import(&mut command, &undisturbed, logs, 0);
    let status = command.stdout(Stdio::null()).status()?;
    ensure!(status.success(), "the undisturbed import ended with {status}");
    let expected = Truth::stored(&undisturbed)?;
    files_are_stored(&expected, truth)?;
    let account = settle_accounts(store, &expected, random)?;
    for checkpoint in Reader::open(store)?.checkpoints() {
        let state =
            ingest::Checkpoint::from_bytes(&checkpoint.state).context("a checkpoint that cannot be read")?;
        ensure!(state.half == 0, "a checkpoint stands in the middle of a line");
    }
    let (counted, wanted) = (requests(binary, store)?, requests(binary, &undisturbed)?);
    ensure!(counted == wanted, "{counted} requests are known, {wanted} would be");
    Ok(account)
}

/// A disk that refuses one read: the answer is whole, or the program says that it is not.
pub(crate) fn a_refused_read_is_told(
    binary: &Path,
    store: &Path,
    truth: &Truth,
    calls: &Path,
    random: &mut Random,
) -> Result<()> {
    for id in truth.some_ids(random, 1).into_keys().filter(|id| id.uuid().is_some()) {
        let ask = |command: &mut Command| {
            command
                .arg("--store")
                .arg(store)
                .args(["lines", &id.to_string()])
                .output()
                .context("failed to ask")
        };
        let whole = ask(&mut Command::new(binary))?;
        let refused = ask(&mut Injection::refuse_read(1 + random.below(20)).command(binary, calls))?;
        let told = refused.stderr.len() > whole.stderr.len() || refused.status.code() != whole.status.code();
        ensure!(refused.stdout == whole.stdout || told, "a read was refused, and the answer lacks something");
    }
    Ok(())
}

/// Byte for byte, save for secrets, which are never stored.
fn files_are_stored(stored: &Truth, files: &Truth) -> Result<()> {
    ensure!(
        stored.files.len() == files.files.len(),
        "{} sources of {} files",
        stored.files.len(),
        files.files.len()
    );
    for (path, lines) in &files.files {
        let of_path = |name: &&String| name.trim_end_matches(".gz").ends_with(path.as_str());
        let name = stored.files.keys().find(of_path).with_context(|| format!("`{path}` is not stored"))?;
        ensure!(stored.files[name].len() == lines.len(), "`{path}` has other lines");
        for (stored, line) in stored.files[name].iter().zip(lines) {
            let masked = stored.windows(3).any(|signs| signs == b"***");
            ensure!(stored == line || masked, "`{path}`: {}", String::from_utf8_lossy(line));
        }
    }
    Ok(())
}

/// A second writer is turned away, and told by whom.
pub(crate) fn second_writer_is_refused(binary: &Path, store: &Path, logs: &Path, holder: u32) -> Result<()> {
    let mut command = Command::new(binary);
    import(&mut command, store, logs, 0);
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let named = said.contains(&format!("process {holder};"));
    ensure!(
        output.status.code() == Some(74) && named,
        "the second writer ended with {}: {said}",
        output.status
    );
    Ok(())
}

/// Where a run keeps what it works on.
pub(crate) fn logs(folder: &Path) -> PathBuf {
    folder.join("logs")
}
