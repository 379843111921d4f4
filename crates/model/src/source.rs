/// Where lines come from: a file, and what its place tells of the program that wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Source {
    /// As shown to people: the path below the imported folder, `archive.tar.xz/inner/path` for archive members.
    pub path: String,
    /// The host that wrote it (`host.name`), when its path tells.
    pub host: Option<String>,
    /// The OpenStack project or neighbour (`service.namespace`): `nova`, `neutron`, `rabbitmq`.
    pub service: Option<String>,
    /// The program (`service.name`): `nova-compute`, `neutron-server`.
    pub daemon: Option<String>,
}
