//! What can be typed. The comments are the help text.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use index::Cursor;
use model::{Id, Severity, TimeRange, Timestamp};
use pipeline::BrokerUrl;
use query::RequestCursor;

/// Finds the true cause of failed OpenStack requests in logs and notifications
#[derive(Clone, Debug, Parser)]
#[command(name = "culprit", version, max_term_width = 100, arg_required_else_help = true, after_help = EXAMPLES, after_long_help = EXAMPLES_AND_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Globals {
    /// Where imported lines are kept [default: culprit/store in the XDG data folder]
    #[arg(long, global = true, value_name = "DIR", env = "CULPRIT_STORE", value_hint = ValueHint::DirPath, hide_env_values = true)]
    pub(crate) store: Option<PathBuf>,
    /// A folder of own filters, laid over the ones in the program
    #[arg(long, global = true, value_name = "DIR", env = "CULPRIT_FILTERS", value_hint = ValueHint::DirPath, hide_env_values = true)]
    pub(crate) filters: Option<PathBuf>,
    /// The configuration file [default: /etc/culprit/culprit.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE", env = "CULPRIT_CONFIG", value_hint = ValueHint::FilePath, hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,
    /// Print JSON: one object, or one a line for lists
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// When to use colours; auto heeds NO_COLOR and CLICOLOR_FORCE
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = false)]
    pub(crate) color: Color,
    /// Draw with ASCII only, as on a dumb terminal
    #[arg(long, global = true)]
    pub(crate) ascii: bool,
    /// No progress bar, no summary
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Judge as if this signature were unknown (for measuring how well structure alone does)
    #[arg(long, global = true, hide = true, value_name = "SLUG")]
    pub(crate) disable_signature: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum Command {
    Import(Import),
    Up(Up),
    Agent(Agent),
    Watch(Watch),
    Tail(Tail),
    Why(Why),
    Trace(Trace),
    Lines(Lines),
    Search(Search),
    Count(Count),
    Errors(Errors),
    Requests(Requests),
    #[command(subcommand)]
    Filters(Filters),
    Doctor(Doctor),
    Retain(Retain),
    CheckConfig(CheckConfig),
    Demo(Demo),
    Completions(Completions),
}

/// Read logs and notifications into the store
///
/// Folders, files, archives (tar, gz, xz, zst, bz2, and one inside the other) and `-` for standard input, in any mix. A file
/// that was read before adds only what it gained since. Lines that fit no format are kept as they are.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(after_help = "\
Examples:
  culprit import /var/log
  culprit import sosreport-host7.tar.xz notifications.jsonl
  journalctl -o export | culprit import --host compute-03 -
  culprit import --zone compute-03=Europe/Berlin --zone UTC logs/")]
pub(crate) struct Import {
    /// Folders, files, archives; `-` is standard input
    #[arg(required = true, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,
    /// The zone of times that name none, for all hosts or for one: `UTC`, `+02:00`, `Europe/Berlin`
    #[arg(long = "zone", value_name = "[HOST=]ZONE")]
    pub(crate) zones: Vec<Zone>,
    /// The host that wrote the lines, when neither path nor line tells
    #[arg(long)]
    pub(crate) host: Option<String>,
    /// The OpenStack project that wrote them: `nova`, `neutron`
    #[arg(long)]
    pub(crate) service: Option<String>,
    /// The program that wrote them: `nova-compute`
    #[arg(long)]
    pub(crate) daemon: Option<String>,
    /// Commit after so many bytes of text (for tests of what a crash leaves)
    #[arg(long, hide = true, value_name = "BYTES")]
    pub(crate) commit_bytes: Option<usize>,
    /// Begin a new segment after so many bytes of text (likewise)
    #[arg(long, hide = true, value_name = "BYTES")]
    pub(crate) segment_bytes: Option<usize>,
}

/// Follow the logs of a running cloud, and tell of each failure as it happens, with its cause
///
/// Stores what the files gain, through every rotation, and judges requests while they go on. What was stored before, by `import` or
/// by an earlier `up`, is not read again. All other commands answer meanwhile. Ctrl-C or SIGTERM ends it; nothing is lost
/// then, nor by kill -9.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[command(after_help = "\
Examples:
  culprit up
  culprit up '/var/log/kolla/**/*.log' --from-end
  culprit up --syslog-udp 127.0.0.1:5514 --journal
  culprit up --notifications rabbit://openstack:secret@controller:5672/
  culprit up --listen 127.0.0.1:7310
  culprit up --config /etc/culprit/culprit.toml
  culprit up --json | jq -r 'select(.instance) | .cause.slug'")]
pub(crate) struct Up {
    #[command(flatten)]
    pub(crate) hear: Hear,
    /// The zone of times that name none, for all hosts or for one: `UTC`, `+02:00`, `Europe/Berlin`
    #[arg(long = "zone", value_name = "[HOST=]ZONE")]
    pub(crate) zones: Vec<Zone>,
}

/// What is listened to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct Hear {
    /// Files to follow: `*` stays within one folder, `**` goes into all
    /// [default: /var/log/**/*.log /var/log/syslog /var/log/messages]
    #[arg(value_name = "PATTERN")]
    pub(crate) patterns: Vec<String>,
    /// The host that writes the files [default: the name of this machine]
    #[arg(long)]
    pub(crate) host: Option<String>,
    /// The files are of many hosts, as a log server keeps them: their paths tell which (`HOST/nova/nova-api.log`)
    #[arg(long)]
    pub(crate) hosts_from_paths: bool,
    /// Begin at the end of what was never read, not at its beginning
    #[arg(long)]
    pub(crate) from_end: bool,
    /// Listen for syslog messages by UDP (RFC 3164 and 5424)
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) syslog_udp: Option<SocketAddr>,
    /// Listen for syslog messages by TCP, framed by line feeds or by octet counts
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) syslog_tcp: Option<SocketAddr>,
    /// Follow systemd's journal too
    #[arg(long)]
    pub(crate) journal: bool,
    /// Read the notifications of a broker too, from queues of our own beside those of others:
    /// `amqp://user:password@host:5672/vhost`, or a `transport_url` of OpenStack's
    #[arg(long, value_name = "URL", env = "CULPRIT_NOTIFICATIONS", hide_env_values = true)]
    pub(crate) notifications: Option<BrokerUrl>,
    /// Take lines by HTTP too (OTLP, Elasticsearch's _bulk, Loki's push, `culprit agent`), and answer /healthz, /readyz and /metrics
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// Take lines by the forward protocol of Fluentd and Fluent Bit too
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen_forward: Option<SocketAddr>,
    /// Holds the token that others have to send; needed where the address is not of loopback
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) listen_token: Option<PathBuf>,
    /// Read lines from standard input too
    #[arg(long)]
    pub(crate) stdin: bool,
}

/// Send what the logs of this host gain to a central `culprit up --listen`, or to any collector that takes OTLP/HTTP
///
/// Lines wait on the disk until the other side has stored them: they survive restarts of both, and each is stored once. When the
/// buffer is full, files are not read on and senders wait. Ctrl-C or SIGTERM ends it; what was not sent is sent after the next
/// start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[command(after_help = "\
Examples:
  culprit agent --to https://central:7310 --token /etc/culprit/token
  culprit agent --to http://127.0.0.1:7310 '/var/log/kolla/**/*.log'
  culprit agent --config /etc/culprit/culprit.toml")]
pub(crate) struct Agent {
    #[command(flatten)]
    pub(crate) hear: Hear,
    /// Where to: `https://central:7310`
    #[arg(long, value_name = "URL")]
    pub(crate) to: Option<String>,
    /// Holds the token to send
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) token: Option<PathBuf>,
    /// PEM: whose certificates to believe [default: what the machine trusts]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) ca: Option<PathBuf>,
    /// Where lines wait [default: culprit/agent in the XDG data folder]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) buffer: Option<PathBuf>,
    /// How much of the disk they may take [default: 1G]
    #[arg(long, value_name = "SIZE")]
    pub(crate) buffer_bytes: Option<Bytes>,
}

/// Print failures as they happen, each with its cause, while `culprit up` runs
///
/// Failures that one fault of the infrastructure explains (a broker, a database, libvirt of a host) are told once, with the requests
/// that it broke. A boot that does not end is told as stuck.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(after_help = "\
Examples:
  culprit watch
  culprit watch -n 5
  culprit watch --json | jq -r 'select(.event == \"failed\") | .cause.slug'")]
pub(crate) struct Watch {
    /// First print the last N failures that are known
    #[arg(long, short = 'n', value_name = "N", default_value_t = 0)]
    pub(crate) last: usize,
}

/// Print lines as they come, all or those that fit a query, while `culprit up` runs
///
/// Lines are printed when they are committed, within a second or so. Nothing is left out, however many come at a time.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(after_help = "\
Examples:
  culprit tail
  culprit tail 'service:neutron level>=warning'
  culprit tail -n 100 host:compute-03
  culprit tail --json level:error | jq -r .body

`culprit search --help` describes the language of queries.")]
pub(crate) struct Tail {
    /// The query; without one, every line fits
    pub(crate) query: Vec<String>,
    /// First print the last N lines that fit
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10)]
    pub(crate) last: usize,
}

/// Say why a request failed: the line that explains it, how it travelled, what to do
///
/// ID is a request id (with or without `req-`) or the UUID of an instance, port, volume or image. Of the requests on a resource,
/// the one that tells most is explained.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(after_help = "\
Examples:
  culprit why req-3f0c41de-7a52-4a6e-9a6b-0c9d5a1f7e21
  culprit why 4f3a5566-0000-4000-8000-0123456789ab
  culprit why --logs ./logs 4f3a5566-0000-4000-8000-0123456789ab
  culprit why --json ID | jq -r '.cause | \"\\(.file):\\(.line)\"'

Ends with 0 when there is an answer, 1 when the cause does not stand in the logs, 2 when no line holds the id.")]
pub(crate) struct Why {
    /// Read these instead of the store, and keep nothing
    #[arg(long, value_name = "PATH", num_args = 1.., value_hint = ValueHint::AnyPath)]
    pub(crate) logs: Vec<PathBuf>,
    /// A request id, or the UUID of an instance, port, volume, image, …
    #[arg(required_unless_present = "logs")]
    pub(crate) id: Option<AskedId>,
}

impl Why {
    /// `--logs` takes every path up to the end of the line, so the last of them may be the id.
    pub(crate) fn logs_and_id(mut self) -> Result<(Vec<PathBuf>, AskedId), String> {
        if let Some(id) = self.id {
            return Ok((self.logs, id));
        }
        let last = self.logs.pop().unwrap_or_default();
        if self.logs.is_empty() {
            return Err("an id is missing after the paths of `--logs`".to_owned());
        }
        Ok((self.logs, last.to_string_lossy().parse()?))
    }
}

/// Draw the whole request: who called whom, for how long, where it broke
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(after_help = "\
Examples:
  culprit trace req-3f0c41de-7a52-4a6e-9a6b-0c9d5a1f7e21
  culprit trace --json ID | jq -c 'select(.record == \"span\")'")]
pub(crate) struct Trace {
    /// A request id, or the UUID of a resource
    pub(crate) id: AskedId,
}

/// Print every line that belongs to a request, merged by time over all hosts
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(after_help = "\
Examples:
  culprit lines req-3f0c41de-7a52-4a6e-9a6b-0c9d5a1f7e21
  culprit lines --context 3 4f3a5566-0000-4000-8000-0123456789ab | less -R
  culprit lines --json ID | jq -r 'select(.severity_number >= 17) | .body'")]
pub(crate) struct Lines {
    /// A request id, or the UUID of a resource
    pub(crate) id: AskedId,
    /// Also print N lines of the same file before and after each
    #[arg(long, short = 'C', value_name = "N", default_value_t = 0)]
    pub(crate) context: usize,
}

/// Search all lines: words, "phrases", fields, ranges, /regular expressions/
///
/// The newest come first. Every row of JSON has a `cursor`: `--after` goes on behind it, whatever was imported meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(
    after_help = "\
Examples:
  culprit search 'service:nova level>=warning \"No valid host\" since:1h'
  culprit search host:compute-03 libvirt
  culprit search --json level:error | jq -r .body | sort | uniq -c

`culprit search --help` describes the language.",
    after_long_help = concat!("\
Examples:
  culprit search 'service:nova level>=warning \"No valid host\" since:1h'
  culprit search host:compute-03 libvirt
  culprit search --json level:error | jq -r .body | sort | uniq -c

", include_str!("../../../docs/query-language.md"))
)]
pub(crate) struct Search {
    /// The query; several words need no quotes
    #[arg(required = true)]
    pub(crate) query: Vec<String>,
    #[command(flatten)]
    pub(crate) stretch: Stretch,
    /// Stop after N lines; 0 is no limit
    #[arg(long, short = 'n', value_name = "N", default_value_t = 1000)]
    pub(crate) limit: usize,
    /// Go on where another page ended
    #[arg(long, value_name = "CURSOR")]
    pub(crate) after: Option<LineCursor>,
    #[command(flatten)]
    pub(crate) patience: Patience,
}

/// Count lines over time, all or those that fit a query
///
/// Counts by level, service, daemon, host and template are kept for every minute: asked for with times, levels, services, hosts
/// and templates only, they cost no search, and the first and last minute count as a whole. Lines without a time are not counted.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(after_help = "\
Examples:
  culprit count --since 1d
  culprit count 'level>=error service:neutron' --by host --step 5m
  culprit count '\"No valid host\"' --by none --step 1h
  culprit count level:error --by signature --json | jq -s 'group_by(.key)'

`culprit search --help` describes the language of queries.")]
pub(crate) struct Count {
    /// The query; without one, every line counts
    pub(crate) query: Vec<String>,
    /// What to count apart
    #[arg(long, value_name = "FIELD", default_value = "level")]
    pub(crate) by: By,
    /// The length of a step, in whole minutes: `1m`, `5m`, `1h`, `1d` [default: what gives some 40 steps]
    #[arg(long, value_name = "TIME")]
    pub(crate) step: Option<Step>,
    #[command(flatten)]
    pub(crate) stretch: Stretch,
    #[command(flatten)]
    pub(crate) patience: Patience,
}

/// List what goes wrong most: patterns of error lines, how often, since when, where, and whether they are new
///
/// Lines that differ in ids, numbers, names and paths only are one pattern. A pattern is new when nothing like it stands in the
/// store before `--since`; without `--since`, or when the store holds nothing older, before the last tenth of the time that it holds.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(after_help = "\
Examples:
  culprit errors --since 1h
  culprit errors --since 1d --new
  culprit errors --level warning --service neutron -n 5
  culprit errors --json | jq -r 'select(.signature == null) | .text'")]
pub(crate) struct Errors {
    #[command(flatten)]
    pub(crate) stretch: Stretch,
    /// Only those of a project (`nova`) or a program (`nova-compute`)
    #[arg(long)]
    pub(crate) service: Option<String>,
    /// Only those that are new
    #[arg(long)]
    pub(crate) new: bool,
    /// This level or a higher one: `debug`, `info`, `warning`, `error`, `critical`
    #[arg(long, default_value = "error")]
    pub(crate) level: Level,
    /// Stop after N patterns; 0 is no limit
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
    pub(crate) limit: usize,
}

/// Look at every byte of the store: what is damaged, what that costs, what to do; and what the store holds
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(after_help = "\
Examples:
  culprit doctor
  culprit doctor --store /srv/culprit
  culprit doctor --json | jq .damage

Ends with 0 when the store is sound, 65 otherwise.")]
pub(crate) struct Doctor {}

/// Drop the oldest days of the store, whole days at a time; the newest day stays
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(after_help = "\
Examples:
  culprit retain --days 30
  culprit retain --max-bytes 50G --dry-run
  culprit retain --days 90 --max-bytes 200G")]
pub(crate) struct Retain {
    /// Keep the last N days (in UTC), and what is older of the day that they begin in
    #[arg(long, value_name = "N", required_unless_present = "max_bytes")]
    pub(crate) days: Option<u32>,
    /// Keep so much on the disk: `500M`, `50G`, `2T`
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_bytes: Option<Bytes>,
    /// Only say what would go
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Read a configuration file, and all files that it names; says which row is wrong and what to change
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(after_help = "\
Examples:
  culprit check-config /etc/culprit/culprit.toml

Ends with 0 when all is well, 65 when something in it is wrong, 66 when a file is missing.")]
pub(crate) struct CheckConfig {
    /// The file [default: --config, else /etc/culprit/culprit.toml]
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
}

/// A stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct Stretch {
    /// Only since then: `30m`, `12h`, `7d` ago, or a date in UTC
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<Moment>,
    /// Only until then
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<Moment>,
}

impl Stretch {
    pub(crate) fn range(&self, now: Timestamp) -> TimeRange {
        let at = |moment: &Option<Moment>| moment.as_ref().map(|moment| moment.at(now));
        TimeRange {
            start: at(&self.since).unwrap_or(Timestamp::MIN),
            end: at(&self.until).unwrap_or(Timestamp::MAX),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub(crate) struct Patience {
    /// Search no longer than that (`500ms`, `10s`, `2m`), then say what was found; 0 is no limit [default: 10s, and none with -n 0]
    #[arg(long, value_name = "TIME")]
    pub(crate) timeout: Option<Timeout>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    Level,
    Service,
    Daemon,
    Host,
    Signature,
    Template,
    None,
}

/// List recent requests: action, instance, user, outcome, cause, duration
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(after_help = "\
Examples:
  culprit requests --failed
  culprit requests --failed --since 1d
  culprit requests --json --failed -n 0 | jq -r .cause.slug | sort | uniq -c | sort -rn

Every row of JSON has a `cursor`: `--after` goes on behind it.")]
pub(crate) struct Requests {
    /// Only those that failed
    #[arg(long)]
    pub(crate) failed: bool,
    /// Only those that began since then: `30m`, `12h`, `7d` ago, or a date in UTC
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<Moment>,
    /// Stop after N requests; 0 is no limit
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50)]
    pub(crate) limit: usize,
    /// Go on where another page ended
    #[arg(long, value_name = "CURSOR")]
    pub(crate) after: Option<ListCursor>,
}

/// Look after filters: the daemons, message patterns and signatures that the program knows
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
#[command(after_help = "\
Examples:
  culprit filters check
  culprit filters check ./our-filters")]
pub(crate) enum Filters {
    /// Read all filters and run their samples; says which file, which line and what to change
    #[command(after_help = "\
Examples:
  culprit filters check
  culprit filters check ./our-filters

Ends with 0 when all is well, 65 otherwise.")]
    Check {
        /// A folder of own filters [default: --filters]
        #[arg(value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
}

/// Show the way from real logs to a true cause, on logs that are built in
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(after_help = "\
Examples:
  culprit demo
  culprit demo --color always | less -R")]
pub(crate) struct Demo {}

/// Print a script that completes commands and options in a shell
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(after_help = "\
Examples:
  culprit completions bash > ~/.local/share/bash-completion/completions/culprit
  culprit completions zsh > ~/.zfunc/_culprit
  culprit completions fish > ~/.config/fish/completions/culprit.fish")]
pub(crate) struct Completions {
    pub(crate) shell: clap_complete::Shell,
}

/// What somebody pasted, and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AskedId {
    pub(crate) text: String,
    pub(crate) id: Id,
}

impl FromStr for AskedId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let Some(id) = Id::parse(text) else {
            return Err(format!(
                "`{text}` is no id: paste a request id (req-…), a UUID, a domain (instance-0000009f), a port's device or a MAC address"
            ));
        };
        Ok(Self { text: text.to_owned(), id })
    }
}

/// `ZONE` for all hosts, `HOST=ZONE` for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Zone {
    pub(crate) host: Option<String>,
    pub(crate) zone: String,
}

impl FromStr for Zone {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (host, zone) = match text.split_once('=') {
            Some((host, zone)) => (Some(host), zone),
            None => (None, text),
        };
        if host == Some("") || zone.is_empty() {
            return Err("write `ZONE` or `HOST=ZONE`, as in `compute-03=+02:00`".to_owned());
        }
        Ok(Self { host: host.map(str::to_owned), zone: zone.to_owned() })
    }
}

/// `12h` ago, or a date; what it means depends on the clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moment(String);

impl Moment {
    pub(crate) fn at(&self, now: Timestamp) -> Timestamp {
        query::moment(&self.0, now).unwrap_or(now)
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if query::moment(text, Timestamp::default()).is_none() {
            return Err(
                "write how long ago (`30m`, `12h`, `7d`) or a date (`2026-11-21`, `2026-11-21T03:28`)"
                    .to_owned(),
            );
        }
        Ok(Self(text.to_owned()))
    }
}

const NO_CURSOR: &str = "paste the cursor that the page before ended with";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LineCursor(pub(crate) Cursor);

impl FromStr for LineCursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        Cursor::parse(text).map(Self).ok_or(NO_CURSOR)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListCursor(pub(crate) RequestCursor);

impl FromStr for ListCursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        RequestCursor::parse(text).map(Self).ok_or(NO_CURSOR)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level(pub(crate) Severity);

impl FromStr for Level {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        Severity::parse(text).map(Self).ok_or("write `debug`, `info`, `warning`, `error` or `critical`")
    }
}

/// A number and its unit.
fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let at = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, name) = text.split_at_checked(at)?;
    let (_, unit) = units.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    number.parse::<u64>().ok()?.checked_mul(*unit)
}

/// In minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step(pub(crate) u32);

impl FromStr for Step {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let minutes = with_unit(text, &[("m", 1), ("h", 60), ("d", 1440), ("w", 10_080)]);
        let minutes = minutes.and_then(|minutes| u32::try_from(minutes).ok()).filter(|minutes| *minutes > 0);
        minutes.map(Self).ok_or("write whole minutes: `1m`, `5m`, `1h`, `1d`")
    }
}

/// None is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeout(pub(crate) Option<Duration>);

impl FromStr for Timeout {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let millis = with_unit(text, &[("ms", 1), ("", 1000), ("s", 1000), ("m", 60_000), ("h", 3_600_000)]);
        let millis = millis.ok_or("write how long: `500ms`, `10s`, `2m`")?;
        Ok(Self((millis > 0).then(|| Duration::from_millis(millis))))
    }
}

/// A length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pause(pub(crate) Duration);

impl FromStr for Pause {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let time = Timeout::from_str(text).ok().and_then(|Timeout(time)| time);
        time.map(Self).ok_or("write how long: `500ms`, `10s`, `30m`, `2h`")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) u64);

impl FromStr for Bytes {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let units = [("", 1), ("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30), ("T", 1 << 40)];
        with_unit(text, &units).map(Self).ok_or("write a size: `500M`, `50G`, `2T`")
    }
}

const EXAMPLES: &str = "\
Examples:
  culprit import /var/log                 read logs, once or again
  culprit requests --failed               what went wrong lately
  culprit why req-3f0c41de-7a52-…         why it went wrong
  culprit demo                            see it work, on built-in logs";

const EXAMPLES_AND_CODES: &str = "\
Examples:
  culprit import /var/log                 read logs, once or again
  culprit requests --failed               what went wrong lately
  culprit why req-3f0c41de-7a52-…         why it went wrong
  culprit why --logs ./logs 4f3a5566-…    the same from a folder, keeping nothing
  culprit demo                            see it work, on built-in logs

Exit codes:
    0  answered
    1  the request failed, and its cause does not stand in the logs
    2  no line holds the id
   64  wrong usage
   65  a query or a filter that cannot be read; a store that is damaged
   66  a path is missing or cannot be read; no store yet
   70  a mistake in the program
   73  something cannot be created
   74  reading or writing failed
  130  stopped with Ctrl-C";
