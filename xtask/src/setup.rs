//! The tools that this project needs, and how to get them.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::command::{command, run as run_command, works};
use crate::options::Options;

pub(crate) const HELP: &str = "\
Installs what is missing, and nothing else: Debian packages with apt-get (as root or with sudo), parts of the
toolchain with rustup, Python packages with pip into a folder of their own below `target`. Touches no network when
nothing is missing.

Usage: cargo xtask setup";

/// A tool, how to see that it is there, and what brings it.
struct Tool {
    name: &'static str,
    probe: &'static [&'static str],
    source: Source,
}

enum Source {
    Debian(&'static str),
    Rustup(&'static str),
    Python(&'static str),
}

/// In a probe, the Python of our own folder.
const PYTHON: &str = "PYTHON";

/// The compression libraries are compiled from C sources that come with their crates. Notifications are tested with the
/// broker and the library that clouds use; the broker is never started as a service. Doors are tested with shippers and
/// libraries that clouds use.
const TOOLS: [Tool; 13] = [
    Tool { name: "a C compiler", probe: &["cc", "--version"], source: Source::Debian("build-essential") },
    Tool { name: "git", probe: &["git", "--version"], source: Source::Debian("git") },
    Tool { name: "rustfmt", probe: &["cargo", "fmt", "--version"], source: Source::Rustup("rustfmt") },
    Tool { name: "clippy", probe: &["cargo", "clippy", "--version"], source: Source::Rustup("clippy") },
    Tool {
        name: "RabbitMQ",
        probe: &["test", "-x", "/usr/lib/rabbitmq/bin/rabbitmq-server"],
        source: Source::Debian("rabbitmq-server"),
    },
    Tool {
        name: "Python's venv",
        probe: &["python3", "-c", "import ensurepip, venv"],
        source: Source::Debian("python3-venv"),
    },
    Tool {
        name: "oslo.messaging",
        probe: &[PYTHON, "-c", "import oslo_messaging"],
        source: Source::Python("oslo.messaging"),
    },
    Tool { name: "rsyslog", probe: &["test", "-x", "/usr/sbin/rsyslogd"], source: Source::Debian("rsyslog") },
    Tool {
        name: "rsyslog's omelasticsearch",
        probe: &["sh", "-c", "ls /usr/lib/*/rsyslog/omelasticsearch.so"],
        source: Source::Debian("rsyslog-elasticsearch"),
    },
    Tool {
        name: "OpenTelemetry's SDK",
        probe: &[PYTHON, "-c", "import opentelemetry.exporter.otlp.proto.http, opentelemetry.sdk"],
        source: Source::Python("opentelemetry-exporter-otlp-proto-http"),
    },
    Tool {
        name: "opensearch-py",
        probe: &[PYTHON, "-c", "import opensearchpy"],
        source: Source::Python("opensearch-py"),
    },
    Tool {
        name: "elasticsearch-py",
        probe: &[PYTHON, "-c", "import elasticsearch"],
        source: Source::Python("elasticsearch"),
    },
    Tool {
        name: "fluent-logger",
        probe: &[PYTHON, "-c", "import fluent.sender"],
        source: Source::Python("fluent-logger"),
    },
];

/// What only measurements are compared with.
const REFERENCES: [Tool; 1] =
    [Tool { name: "ripgrep", probe: &["rg", "--version"], source: Source::Debian("ripgrep") }];

/// Refuses system calls, and watches them.
const TRACER: [Tool; 1] =
    [Tool { name: "strace", probe: &["strace", "--version"], source: Source::Debian("strace") }];

pub(crate) fn run(options: Options) -> Result<()> {
    options.finish()?;
    install_missing()
}

pub(crate) fn install_missing() -> Result<()> {
    install_missing_of(&TOOLS)
}

pub(crate) fn install_missing_for_bench() -> Result<()> {
    install_missing_of(&REFERENCES)
}

pub(crate) fn install_missing_for_crash() -> Result<()> {
    install_missing_of(&TRACER)
}

fn install_missing_of(tools: &[Tool]) -> Result<()> {
    let missing: Vec<&Tool> = tools.iter().filter(|tool| !tool.is_there()).collect();
    if missing.is_empty() {
        let names: Vec<&str> = tools.iter().map(|tool| tool.name).collect();
        println!("Every tool is there: {}.", names.join(", "));
    }
    for tool in missing {
        println!("{} is missing: installing it.", tool.name);
        install(&tool.source).with_context(|| format!("failed to install {}", tool.name))?;
        if !tool.is_there() {
            bail!("{} is still missing: `{}` fails", tool.name, tool.probe.join(" "));
        }
    }
    Ok(())
}

impl Tool {
    fn is_there(&self) -> bool {
        let python = python();
        let probe = self.probe.iter().map(|word| if *word == PYTHON { python.as_str() } else { *word });
        works(&probe.collect::<Vec<_>>())
    }
}

fn install(source: &Source) -> Result<()> {
    match source {
        Source::Python(package) => install_for_python(package),
        Source::Debian(package) => install_package(package),
        Source::Rustup(component) => run_command(command(&["rustup", "component", "add", component])),
    }
}

fn install_for_python(package: &str) -> Result<()> {
    let python = python();
    if !works(&[&python, "-m", "pip", "--version"]) {
        let folder = environment();
        run_command(command(&["python3", "-m", "venv", "--clear", &folder.to_string_lossy()]))?;
    }
    run_command(command(&[&python, "-m", "pip", "install", "--quiet", package]))
}

fn python() -> String {
    environment().join("bin/python").to_string_lossy().into_owned()
}

/// Beside what cargo builds, wherever that is: this program lies two folders below.
fn environment() -> PathBuf {
    let program = std::env::current_exe().expect("the system tells which program runs");
    let target = program.ancestors().nth(2).expect("cargo puts programs into target/PROFILE");
    target.join("venv")
}

fn install_package(package: &str) -> Result<()> {
    if !works(&["apt-get", "--version"]) {
        bail!("this machine has no apt-get: please install what Debian calls `{package}`");
    }
    let apt = |arguments: &[&str]| {
        let user: &[&str] = if is_root() { &[] } else { &["sudo"] };
        let apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"];
        run_command(command(&[user, &apt, arguments].concat()))
    };
    apt(&["update"])?;
    apt(&["install", "--yes", "--no-install-recommends", package])
}

fn is_root() -> bool {
    command(&["id", "-u"]).output().is_ok_and(|output| output.stdout.starts_with(b"0\n"))
}
