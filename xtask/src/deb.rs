//! A Debian package of the program, with its services.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use culprit_tests::binary::{project_root, release_binary};

use crate::command::{command, run as run_command, works};
use crate::options::Options;

pub(crate) const HELP: &str = "\
Builds `target/debian/culprit_VERSION_ARCH.deb` (with cargo-deb, which is installed below `target` when it is missing) and looks
at it as an installation would: what it holds, whether the program in it runs and takes the configuration in it, and
whether systemd understands the services and finds them well shut in.

Usage: cargo xtask deb";

pub(crate) fn run(options: Options) -> Result<()> {
    options.finish()?;
    let tools = project_root().join("target/tools");
    let cargo_deb = tools.join("bin/cargo-deb").display().to_string();
    if !works(&[&cargo_deb, "--version"]) {
        let root = tools.display().to_string();
        run_command(command(&["cargo", "install", "cargo-deb", "--locked", "--root", &root]))?;
    }
    write_completions(&release_binary()?.display().to_string())?;
    let folder = project_root().join("target/debian");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let output = folder.display().to_string();
    run_command(command(&[&cargo_deb, "--package", "culprit", "--no-build", "--output", &output]))?;
    let package = fs::read_dir(&folder)?.next().context("no package was made")??.path();
    look_at(&package.display().to_string())?;
    println!("\n{}", package.display());
    Ok(())
}

/// Where the package's list of files expects them.
fn write_completions(program: &str) -> Result<()> {
    let folder = project_root().join("target/completions");
    fs::create_dir_all(&folder)?;
    for shell in ["bash", "zsh", "fish"] {
        let text = command(&[program, "completions", shell]).output()?;
        ensure!(text.status.success(), "`culprit completions {shell}` ended with {}", text.status);
        fs::write(folder.join(shell), text.stdout)?;
    }
    Ok(())
}

/// Unpacked into a folder: nothing of this machine is changed.
fn look_at(package: &str) -> Result<()> {
    run_command(command(&["dpkg-deb", "--info", package]))?;
    run_command(command(&["dpkg-deb", "--contents", package]))?;
    let folder = tempfile::tempdir()?;
    let root = folder.path().display().to_string();
    run_command(command(&["dpkg-deb", "--extract", package, &root]))?;
    let program = format!("{root}/usr/bin/culprit");
    run_command(command(&[&program, "--version"]))?;
    run_command(command(&[&program, "check-config", &format!("{root}/etc/culprit/culprit.toml")]))?;
    if !works(&["systemd-analyze", "--version"]) {
        println!("systemd is not here: its services are not looked at.");
        return Ok(());
    }
    for service in ["culprit", "culprit-agent"] {
        let unit = format!("{root}/usr/lib/systemd/system/{service}.service");
        // The program lies elsewhere as long as the package is not installed.
        let text = fs::read_to_string(&unit)?.replace("/usr/bin/culprit", &program);
        fs::write(&unit, text)?;
        run_command(command(&["systemd-analyze", "verify", "--man=no", &unit]))?;
        let judge = ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", &unit];
        let judged = command(&judge).output()?;
        let verdict = String::from_utf8_lossy(&judged.stdout);
        let last = verdict.lines().rev().find(|row| !row.trim().is_empty()).unwrap_or_default();
        println!("{service}: {}", last.trim());
        ensure!(judged.status.success(), "{service} may do more than it needs");
    }
    Ok(())
}
