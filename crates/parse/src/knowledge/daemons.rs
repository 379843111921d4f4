//! Daemons: who writes which file, under which names, and how deep in the call chain they stand.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use model::Source;
use regex::{Captures, Regex};
use rustc_hash::FxHashMap;
use serde::Deserialize;

use super::files::{Entered, FilterError, Keyed, Place};
use super::pattern::{Piece, Shape, pieces};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ServiceEntry {
    name: String,
    disabled: bool,
    tier: u8,
    /// Other names of its folder.
    folders: Vec<String>,
    /// First parts of its loggers' names, when they differ from its own.
    loggers: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DaemonEntry {
    name: String,
    disabled: bool,
    service: String,
    tier: Option<u8>,
    /// Tails of paths without `.log`; `*` stands for any part of a name.
    files: Vec<String>,
    aliases: Vec<String>,
    loggers: Vec<String>,
    host_local: bool,
    carries_others: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LayoutEntry {
    /// A template: a placeholder matches a part of one folder's name, `{:rest}` any number of folders, `{:int}` a number
    /// of five digits or more, `{:hex}` the id of a container.
    path: String,
    disabled: bool,
    /// Only folders that look like hosts are hosts.
    telling: bool,
}

/// What names of folders mean.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FolderEntry {
    names: Vec<String>,
    disabled: bool,
    means: Meaning,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Meaning {
    /// It is no host.
    #[default]
    Place,
    Host,
    /// Hosts have it in their names.
    HostPart,
}

impl Keyed for ServiceEntry {
    const SORT: &'static str = "service";

    fn key(&self) -> String {
        self.name.clone()
    }

    fn disabled(&self) -> bool {
        self.disabled
    }
}

impl Keyed for DaemonEntry {
    const SORT: &'static str = "daemon";

    fn key(&self) -> String {
        self.name.clone()
    }

    fn disabled(&self) -> bool {
        self.disabled
    }
}

impl Keyed for LayoutEntry {
    const SORT: &'static str = "layout";

    fn key(&self) -> String {
        self.path.clone()
    }

    fn disabled(&self) -> bool {
        self.disabled
    }
}

impl Keyed for FolderEntry {
    const SORT: &'static str = "folder";

    fn key(&self) -> String {
        self.names.join(", ")
    }

    fn disabled(&self) -> bool {
        self.disabled
    }
}

/// A program that writes logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Daemon {
    /// `nova-compute`
    pub name: String,
    /// `nova`
    pub service: String,
    /// How deep in the call chain it stands: 0 is what users touch, 100 is what everything stands on.
    pub tier: u8,
    /// It speaks of its own host only.
    pub host_local: bool,
    /// It writes down what other programs say: its files hold the lines of any.
    pub carries_others: bool,
}

#[derive(Debug)]
pub(super) struct Daemons {
    daemons: Vec<Arc<Daemon>>,
    /// Tier by service.
    services: FxHashMap<String, u8>,
    /// Service by folder.
    folders: FxHashMap<String, String>,
    /// Service by the first part of a logger's name.
    logger_services: FxHashMap<String, String>,
    /// Indexes into `daemons`, by names in lower case.
    aliases: FxHashMap<String, usize>,
    loggers: FxHashMap<String, usize>,
    files: FxHashMap<String, usize>,
    file_globs: Vec<(String, usize)>,
    layouts: Vec<Layout>,
    places: HashSet<String>,
    hosts: HashSet<String>,
    host_parts: Vec<String>,
}

#[derive(Debug)]
struct Layout {
    source: String,
    telling: bool,
    regex: OnceLock<Option<Regex>>,
}

impl Daemons {
    pub(super) fn new(
        services: Entered<ServiceEntry>,
        daemons: Entered<DaemonEntry>,
        layouts: Entered<LayoutEntry>,
        folders: Entered<FolderEntry>,
    ) -> Result<Self, FilterError> {
        let mut known = Self {
            daemons: Vec::new(),
            services: FxHashMap::default(),
            folders: FxHashMap::default(),
            logger_services: FxHashMap::default(),
            aliases: FxHashMap::default(),
            loggers: FxHashMap::default(),
            files: FxHashMap::default(),
            file_globs: Vec::new(),
            layouts: Vec::new(),
            places: HashSet::new(),
            hosts: HashSet::new(),
            host_parts: Vec::new(),
        };
        for (place, service) in services {
            known.add_service(&place, service)?;
        }
        for (place, daemon) in daemons {
            known.add_daemon(&place, daemon)?;
        }
        for (place, layout) in layouts {
            known.layouts.push(Layout::new(&layout).map_err(|what| place.broken(format!("layout: {what}")))?);
        }
        for (_, folder) in folders {
            known.add_folders(folder);
        }
        Ok(known)
    }

    fn add_service(&mut self, place: &Place, service: ServiceEntry) -> Result<(), FilterError> {
        if service.name.is_empty() {
            return Err(place.broken("the service has no name"));
        }
        for folder in service.folders.into_iter().chain([service.name.clone()]) {
            self.folders.insert(folder, service.name.clone());
        }
        for logger in service.loggers.into_iter().chain([service.name.clone()]) {
            self.logger_services.insert(logger, service.name.clone());
        }
        self.services.insert(service.name, service.tier);
        Ok(())
    }

    fn add_daemon(&mut self, place: &Place, daemon: DaemonEntry) -> Result<(), FilterError> {
        let Some(&service_tier) = self.services.get(&daemon.service) else {
            let what =
                format!("daemon `{}`: there is no [[service]] named `{}`", daemon.name, daemon.service);
            return Err(place.broken(what));
        };
        let index = self.daemons.len();
        for alias in daemon.aliases.iter().chain([&daemon.name]) {
            self.aliases.entry(alias.to_ascii_lowercase()).or_insert(index);
        }
        for logger in daemon.loggers {
            self.loggers.entry(logger).or_insert(index);
        }
        for file in daemon.files {
            if file.contains('*') {
                self.file_globs.push((file, index));
            } else {
                self.files.entry(file).or_insert(index);
            }
        }
        self.daemons.push(Arc::new(Daemon {
            name: daemon.name,
            service: daemon.service,
            tier: daemon.tier.unwrap_or(service_tier),
            host_local: daemon.host_local,
            carries_others: daemon.carries_others,
        }));
        Ok(())
    }

    fn add_folders(&mut self, folder: FolderEntry) {
        match folder.means {
            Meaning::Place => self.places.extend(folder.names),
            Meaning::Host => self.hosts.extend(folder.names),
            Meaning::HostPart => self.host_parts.extend(folder.names),
        }
    }

    /// By its name or an alias: `nova-compute`, `n-cpu`, `nova_compute`, `devstack@n-cpu.service`, `/usr/bin/nova-compute`.
    pub(super) fn named(&self, name: &str) -> Option<&Arc<Daemon>> {
        let name = name.rsplit('/').next()?.to_ascii_lowercase();
        let name = name.strip_suffix(".service").unwrap_or(&name);
        let parts = [
            Some(name),
            name.split_once('@').map(|(before, _)| before),
            name.split_once('@').map(|(_, after)| after),
        ];
        let tries = parts.into_iter().flatten();
        let index = tries
            .flat_map(|part| [part.to_owned(), part.replace('_', "-")])
            .find_map(|name| self.aliases.get(&name))?;
        self.daemons.get(*index)
    }

    /// By the longest known prefix of a logger's name.
    pub(super) fn of_logger(&self, logger: &str) -> Option<&Arc<Daemon>> {
        let index = dotted_prefixes(logger).find_map(|prefix| self.loggers.get(prefix))?;
        self.daemons.get(*index)
    }

    pub(super) fn service_of_logger(&self, logger: &str) -> Option<&str> {
        dotted_prefixes(logger).find_map(|prefix| self.logger_services.get(prefix)).map(String::as_str)
    }

    /// Of a service or a daemon.
    pub(super) fn tier(&self, name: &str) -> Option<u8> {
        let daemon = || self.named(name).map(|daemon| daemon.tier);
        self.services.get(name).copied().or_else(daemon)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Daemon>> {
        self.daemons.iter()
    }

    /// What a path tells: the daemon by its tail, the host by the first layout that fits.
    pub(super) fn locate(&self, path: &str) -> Source {
        let stem = without_rotation(path);
        let by_tail = self.of_file(stem);
        let by_layout = self.layouts.iter().find_map(|layout| self.placed(layout, stem, by_tail));
        let placed = by_layout.unwrap_or_default();
        let daemon = placed.daemon.or(by_tail);
        let service = daemon.map(|daemon| daemon.service.clone()).or(placed.service);
        Source {
            path: path.to_owned(),
            host: placed.host,
            service,
            daemon: daemon.map(|daemon| daemon.name.clone()),
        }
    }

    fn of_file(&self, stem: &str) -> Option<&Arc<Daemon>> {
        let tails = (1..=3).rev().filter_map(|parts| tail(stem, parts));
        let exact = tails.clone().find_map(|tail| self.files.get(tail));
        let fitting =
            |tail: &str| self.file_globs.iter().find(|(glob, _)| fits(glob, tail)).map(|(_, index)| index);
        self.daemons.get(*exact.or_else(|| tails.clone().find_map(fitting))?)
    }

    /// What a layout tells of a path; `None` when it does not fit or something in it is not plausible.
    fn placed<'a>(
        &'a self,
        layout: &Layout,
        stem: &str,
        by_tail: Option<&Arc<Daemon>>,
    ) -> Option<Placed<'a>> {
        let groups = layout.regex()?.captures(stem)?;
        let mut placed = Placed::default();
        if let Some(folder) = part(&groups, "service") {
            placed.service = Some(self.folders.get(&folder.to_ascii_lowercase())?.clone());
        }
        if let Some(name) = part(&groups, "daemon") {
            placed.daemon = self.daemon_in(name, placed.service.as_deref());
            if placed.daemon.is_none() && by_tail.is_none() && placed.service.is_none() {
                return None;
            }
        }
        if let Some(host) = part(&groups, "host") {
            if !self.plausible_host(host, layout.telling) {
                return None;
            }
            placed.host = Some(host.to_owned());
        }
        Some(placed)
    }

    /// A file's name alone (`nova-compute`), or what the service calls it (`compute`, in `nova/`).
    fn daemon_in(&self, name: &str, service: Option<&str>) -> Option<&Arc<Daemon>> {
        let of_service = |daemon: &&Arc<Daemon>| service.is_none_or(|service| daemon.service == service);
        let full = || self.named(&format!("{}-{name}", service?));
        self.named(name).filter(of_service).or_else(full)
    }

    fn plausible_host(&self, name: &str, telling: bool) -> bool {
        let lower = name.to_ascii_lowercase();
        let date = lower
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.' | b':' | b't'));
        let place = date || self.places.contains(&lower) || self.folders.contains_key(&lower);
        let has_part = || self.host_parts.iter().any(|part| lower.contains(part.as_str()));
        let tells = || !telling || (has_part() && !self.aliases.contains_key(&lower));
        self.hosts.contains(&lower) || (!place && tells())
    }
}

#[derive(Default)]
struct Placed<'a> {
    host: Option<String>,
    service: Option<String>,
    daemon: Option<&'a Arc<Daemon>>,
}

fn part<'a>(groups: &Captures<'a>, name: &str) -> Option<&'a str> {
    groups.name(name).map(|group| group.as_str())
}

impl Layout {
    fn new(entry: &LayoutEntry) -> Result<Self, String> {
        let mut source = String::from("(?:^|/)");
        for piece in pieces(&entry.path)? {
            match piece {
                Piece::Start => source = String::from("^/?"),
                Piece::End => {}
                Piece::Literal(literal) => source.push_str(&regex_syntax::escape(&literal)),
                Piece::Placeholder { name, shape: Shape::Rest } if name.is_empty() => source.push_str(".*"),
                Piece::Placeholder { shape: Shape::Hex, .. } => source.push_str("[0-9a-f]{12,}"),
                // Five digits or more: `compute-3` is not the third case of `compute`.
                Piece::Placeholder { shape: Shape::Int, .. } => source.push_str("[0-9]{5,}"),
                Piece::Placeholder { name, .. } => match name.as_str() {
                    "" => source.push_str("[^/]*?"),
                    "host" => source.push_str("(?P<host>[A-Za-z0-9][A-Za-z0-9._-]*?)"),
                    "service" | "daemon" => source.extend(["(?P<", &name, ">[^/]+?)"]),
                    _ => {
                        return Err(format!(
                            "`{{{name}}}`: a path has {{host}}, {{service}}, {{daemon}} and {{}}"
                        ));
                    }
                },
            }
        }
        source.push('$');
        Ok(Self { source, telling: entry.telling, regex: OnceLock::new() })
    }

    fn regex(&self) -> Option<&Regex> {
        self.regex.get_or_init(|| Regex::new(&self.source).ok()).as_ref()
    }
}

/// `nova.compute.manager`, `nova.compute`, `nova`.
fn dotted_prefixes(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| name.rsplit_once('.').map(|(before, _)| before))
}

/// The last `parts` components of a path.
fn tail(path: &str, parts: usize) -> Option<&str> {
    let Some((slash, _)) = path.rmatch_indices('/').nth(parts - 1) else {
        return (path.matches('/').count() + 1 == parts).then_some(path);
    };
    path.get(slash + 1..)
}

/// Whether a path fits a glob whose `*` does not cross a `/`.
fn fits(glob: &str, path: &str) -> bool {
    let Some((before, after)) = glob.split_once('*') else { return glob == path };
    let Some(rest) = path.strip_prefix(before) else { return false };
    let reach = rest.find('/').unwrap_or(rest.len());
    rest.char_indices()
        .map(|(at, _)| at)
        .chain([rest.len()])
        .take_while(|at| *at <= reach)
        .any(|at| rest.get(at..).is_some_and(|rest| fits(after, rest)))
}

const ENDINGS: [&str; 14] = [
    ".gz", ".xz", ".zst", ".bz2", ".log", ".txt", ".json", ".jsonl", ".out", ".err", ".old", ".bak",
    ".journal", ".export",
];

/// `nova-compute.log.1.gz`, `nova-compute.log-20261121`, `nova-compute.log.2026-11-21_13:53:08`: all `nova-compute`.
fn without_rotation(path: &str) -> &str {
    let mut stem = path;
    loop {
        let ending = ENDINGS.iter().find_map(|ending| stem.strip_suffix(ending));
        let counted = || {
            let digits = stem.trim_end_matches(|digit: char| {
                digit.is_ascii_digit() || matches!(digit, '-' | '_' | ':' | 'T')
            });
            let rest = if digits.len() < stem.len() { digits.strip_suffix('.') } else { None };
            rest.or_else(|| stem.strip_suffix(date_ending(stem)?))
        };
        let Some(shorter) = ending.or_else(counted) else { return stem };
        if shorter.is_empty() || shorter.ends_with('/') {
            return stem;
        }
        stem = shorter;
    }
}

/// `-20261121`, `-2026-11-21`, `-2026112103`
fn date_ending(stem: &str) -> Option<&str> {
    let before = stem.trim_end_matches(|digit: char| digit.is_ascii_digit() || digit == '-');
    let ending = stem.get(before.len()..)?.trim_start_matches(|first: char| first.is_ascii_digit());
    let digits = ending.bytes().filter(u8::is_ascii_digit).count();
    (ending.starts_with("-20") && (8..=14).contains(&digits)).then_some(ending)
}

#[cfg(test)]
mod tests {
    use super::super::Knowledge;

    #[track_caller]
    fn check(path: &str, host: &str, service: &str, daemon: &str) {
        let source = Knowledge::embedded().locate(path);
        let found = [source.host, source.service, source.daemon].map(Option::unwrap_or_default);
        assert_eq!(found, [host, service, daemon], "{path}");
        assert_eq!(source.path, path);
    }

    #[test]
    fn paths_tell_host_service_and_daemon() {
        check("compute-04/nova/nova-compute.log", "compute-04", "nova", "nova-compute");
        check("zed/logs/controller/glance/glance-api.log", "controller", "glance", "glance-api");
        check("controller/keystone/keystone-uwsgi-public.log", "controller", "keystone", "keystone");
        check("controller/placement/placement-uwsgi.log", "controller", "placement", "placement-api");
        check("controller/rabbitmq/rabbit@controller.log", "controller", "rabbitmq", "rabbitmq");
        check("controller/mariadb/error.log", "controller", "mariadb", "mariadb");
        check("compute-04/libvirt/qemu/instance-00000005.log", "compute-04", "libvirt", "qemu");
        check("compute-04/libvirt/libvirtd.log", "compute-04", "libvirt", "libvirtd");
        check("network-01/neutron/l3-agent.log", "network-01", "neutron", "neutron-l3-agent");
        check("/var/log/nova/nova-compute.log", "", "nova", "nova-compute");
        check("/var/log/nova/nova-compute.log.1", "", "nova", "nova-compute");
        check("var/log/cinder/api.log-20261121.gz", "", "cinder", "cinder-api");
        check("/var/log/neutron/server.log.2026-11-21", "", "neutron", "neutron-server");
        check("nova-api.log.1.2016-03-08_09:41:27", "", "nova", "nova-api");
        check("/var/log/kolla/nova/nova-api.log", "", "nova", "nova-api");
        check("host7/var/log/kolla/openvswitch/ovn-controller.log", "host7", "ovn", "ovn-controller");
        check("backup/host7/var/log/nova/nova-api.log.3.xz", "host7", "nova", "nova-api");
        check("/var/log/containers/nova/nova-compute.log", "", "nova", "nova-compute");
        check("/var/log/containers/libvirt/libvirtd.log", "", "libvirt", "libvirtd");
        check(
            "sosreport-osp-compute-3-2026-11-21-abcdefg/var/log/containers/nova/nova-compute.log.1",
            "osp-compute-3",
            "nova",
            "nova-compute",
        );
        check(
            "host7.tar.xz/sosreport-ctl1.example.org-20261121031522/var/log/neutron/server.log",
            "ctl1.example.org",
            "neutron",
            "neutron-server",
        );
        check("logs/screen-n-cpu.txt.gz", "", "nova", "nova-compute");
        check("subnode-2/logs/screen-q-agt.txt", "subnode-2", "neutron", "neutron-openvswitch-agent");
        check("controller/logs/screen-c-vol.txt", "controller", "cinder", "cinder-volume");
        check("devstack@n-sch.service.log", "", "nova", "nova-scheduler");
        check(
            "/var/log/containers/nova-compute-default-x7x2v_openstack_nova-compute-0679010fc12e4d7da1f69c887eb0e4f80679010fc12e4d7da1f69c887eb0e4f8.log",
            "",
            "nova",
            "nova-compute",
        );
        check(
            "/var/log/pods/openstack_neutron-server-5b_12/neutron-server/0.log",
            "",
            "neutron",
            "neutron-server",
        );
        check("compute1.example.org/nova-compute.log", "compute1.example.org", "nova", "nova-compute");
        check("/var/log/syslog", "", "system", "syslog");
        check("/var/log/kern.log.1", "", "kernel", "kernel");
    }

    #[test]
    fn odd_paths_tell_nothing_wrong() {
        check("case-123/nova-compute.log", "", "nova", "nova-compute");
        check("2026-11-21/nova/nova-compute.log", "", "nova", "nova-compute");
        check("notes.txt", "", "", "");
        check("", "", "", "");
        check("/", "", "", "");
        check("...gz", "", "", "");
        check("-20261121", "", "", "");
        check("nova/", "", "", "");
    }

    #[test]
    fn daemons_have_many_names() {
        let knowledge = Knowledge::embedded();
        let check = |name: &str, daemon: &str| {
            assert_eq!(knowledge.daemon(name).map(|found| found.name.as_str()), Some(daemon), "{name}");
        };
        check("nova-compute", "nova-compute");
        check("n-cpu", "nova-compute");
        check("devstack@n-cpu.service", "nova-compute");
        check("nova_compute", "nova-compute");
        check("/usr/bin/nova-compute", "nova-compute");
        check("compute", "nova-compute");
        check("NEUTRON_OPENVSWITCH_AGENT", "neutron-openvswitch-agent");
        check("q-svc", "neutron-server");
        check("mysqld", "mariadb");
        assert_eq!(knowledge.daemon("a program nobody knows"), None);
        assert!(knowledge.daemon("nova-compute").unwrap().host_local);
        assert!(knowledge.tier("neutron") > knowledge.tier("nova-api"));
    }

    #[test]
    fn loggers_tell_daemons_and_services() {
        let knowledge = Knowledge::embedded();
        let daemon = |logger| knowledge.daemon_of_logger(logger).map(|found| found.name.as_str());
        assert_eq!(daemon("nova.virt.libvirt.driver"), Some("nova-compute"));
        assert_eq!(daemon("nova.conductor.manager"), Some("nova-conductor"));
        assert_eq!(daemon("nova.virtual"), None);
        assert_eq!(daemon("oslo_messaging.rpc.server"), None);
        assert_eq!(knowledge.service_of_logger("nova.network.neutron"), Some("nova"));
        assert_eq!(knowledge.service_of_logger("novaclient.v2"), None);
    }
}
