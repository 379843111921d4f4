//! The closed set of formats. Each file under `format/` reads one: `pub(crate) fn read(text: &str) -> Option<Header<'_>>`.
//! A new format is one file, one `mod` line and one line in each function below.

pub(crate) mod access;
pub(crate) mod oslo;
mod plain;

mod fluent;
mod json;
mod log_record;
pub(crate) mod notification;
mod oslo_json;
pub(crate) mod payload;
mod python_repr;

mod cri;
mod docker;
mod journald;
mod syslog;
mod wrapped;

mod apache;
mod ceph;
mod dnsmasq;
mod haproxy;
mod keepalived;
mod kernel;
mod libvirt;
mod mariadb;
mod memcached;
mod ovs;
mod qemu;
mod rabbitmq;
mod swift;
mod timestamped;
mod uwsgi;

mod quoted;
pub(crate) mod wall_clock;
mod written_time;

use std::borrow::Cow;

use crate::header::Header;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Oslo,
    OsloJson,
    Fluent,
    LogRecord,
    Notification,
    Journald,
    Cri,
    Docker,
    Dnsmasq,
    Syslog,
    Uwsgi,
    Apache,
    Haproxy,
    Swift,
    Rabbitmq,
    Mariadb,
    Libvirt,
    Qemu,
    Ovs,
    Keepalived,
    Memcached,
    Ceph,
    Kernel,
    Timestamped,
    /// What no other format reads.
    Plain,
}

impl Format {
    /// In the order in which they are tried: the strict before the lax. [`Format::Plain`] reads everything: last.
    pub(crate) const ALL: [Self; 25] = [
        Self::Oslo,
        Self::OsloJson,
        Self::Fluent,
        Self::LogRecord,
        Self::Notification,
        Self::Journald,
        Self::Cri,
        Self::Docker,
        Self::Dnsmasq,
        Self::Syslog,
        Self::Uwsgi,
        Self::Apache,
        Self::Haproxy,
        Self::Swift,
        Self::Rabbitmq,
        Self::Mariadb,
        Self::Libvirt,
        Self::Qemu,
        Self::Ovs,
        Self::Keepalived,
        Self::Memcached,
        Self::Ceph,
        Self::Kernel,
        Self::Timestamped,
        Self::Plain,
    ];

    /// What a carrier may hold besides lines of oslo.log, strict before lax. No carriers, so that nothing nests, and
    /// not [`Format::Timestamped`], whose body the carrier shows as well.
    const CARRIED: [Self; 15] = [
        Self::Oslo,
        Self::OsloJson,
        Self::Uwsgi,
        Self::Apache,
        Self::Haproxy,
        Self::Swift,
        Self::Rabbitmq,
        Self::Mariadb,
        Self::Libvirt,
        Self::Ovs,
        Self::Dnsmasq,
        Self::Keepalived,
        Self::Memcached,
        Self::Ceph,
        Self::Kernel,
    ];

    /// The name in [`model::Annotation`] and in indexes: never rename one.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Oslo => "oslo",
            Self::OsloJson => "oslo-json",
            Self::Fluent => "fluent",
            Self::LogRecord => "log-record",
            Self::Notification => "notification",
            Self::Journald => "journald",
            Self::Cri => "cri",
            Self::Docker => "docker",
            Self::Dnsmasq => "dnsmasq",
            Self::Syslog => "syslog",
            Self::Uwsgi => "uwsgi",
            Self::Apache => "apache",
            Self::Haproxy => "haproxy",
            Self::Swift => "swift",
            Self::Rabbitmq => "rabbitmq",
            Self::Mariadb => "mariadb",
            Self::Libvirt => "libvirt",
            Self::Qemu => "qemu",
            Self::Ovs => "ovs",
            Self::Keepalived => "keepalived",
            Self::Memcached => "memcached",
            Self::Ceph => "ceph",
            Self::Kernel => "kernel",
            Self::Timestamped => "timestamped",
            Self::Plain => model::Annotation::PLAIN,
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// `None` when the line is not of this format.
    pub(crate) fn read(self, text: &str) -> Option<Header<'_>> {
        match self {
            Self::Oslo => oslo::read(text),
            Self::OsloJson => oslo_json::read(text),
            Self::Fluent => fluent::read(text),
            Self::LogRecord => log_record::read(text),
            Self::Notification => notification::read(text),
            Self::Journald => journald::read(text),
            Self::Cri => cri::read(text),
            Self::Docker => docker::read(text),
            Self::Dnsmasq => dnsmasq::read(text),
            Self::Syslog => syslog::read(text),
            Self::Uwsgi => uwsgi::read(text),
            Self::Apache => apache::read(text),
            Self::Haproxy => haproxy::read(text),
            Self::Swift => swift::read(text),
            Self::Rabbitmq => rabbitmq::read(text),
            Self::Mariadb => mariadb::read(text),
            Self::Libvirt => libvirt::read(text),
            Self::Qemu => qemu::read(text),
            Self::Ovs => ovs::read(text),
            Self::Keepalived => keepalived::read(text),
            Self::Memcached => memcached::read(text),
            Self::Ceph => ceph::read(text),
            Self::Kernel => kernel::read(text),
            Self::Timestamped => timestamped::read(text),
            Self::Plain => Some(plain::read(text)),
        }
    }

    /// Reads what a carrier holds.
    fn read_carried(text: &str) -> Option<Header<'_>> {
        Self::CARRIED.into_iter().find_map(|format| format.read(text))
    }

    /// Whether several lines of this format may only make sense together.
    pub(crate) const fn has_blocks(self) -> bool {
        matches!(self, Self::Journald)
    }

    /// The header of a whole event, for formats that have blocks.
    pub(crate) fn read_block(self, lines: &[&str]) -> Option<Header<'static>> {
        match self {
            Self::Journald => {
                journald::entry(lines).map(wrapped::Wrapped::into_header).map(Header::into_owned)
            }
            _ => None,
        }
    }

    /// For the formats of container runtimes: the program's own text, to be glued to a line that was [`Header::cut`].
    pub(crate) fn piece(self, text: &str) -> Option<Cow<'_, str>> {
        match self {
            Self::Cri => cri::unwrap(text).map(|wrapped| wrapped.inner),
            Self::Docker => docker::unwrap(text).map(|wrapped| wrapped.inner),
            _ => None,
        }
    }

    /// Whether the lines of this format are lines of other formats with a prefix: journals, container runtimes.
    pub(crate) const fn carries_others(self) -> bool {
        matches!(self, Self::Cri | Self::Docker | Self::Syslog)
    }

    /// So lax that any other format is better: tried anew for every line.
    pub(crate) const fn is_last_resort(self) -> bool {
        matches!(self, Self::Timestamped | Self::Plain)
    }

    /// Whether events of this format may go on in lines without any prefix. Access logs do not.
    pub(crate) const fn spans_lines(self) -> bool {
        !matches!(
            self,
            Self::OsloJson
                | Self::Fluent
                | Self::LogRecord
                | Self::Notification
                | Self::Haproxy
                | Self::Swift
                | Self::Ovs
                | Self::Dnsmasq
                | Self::Keepalived
                | Self::Memcached
                | Self::Kernel
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::format::written_time::tests::shown;
    use crate::header::{Continuation, Header};

    /// A header on one line: time, severity, what else the line names, ` | `, the body. Nothing for `None`.
    pub(super) fn check(read: fn(&str) -> Option<Header<'_>>, text: &str, expected: &str) {
        assert_eq!(read(text).as_ref().map(described).unwrap_or_default(), expected, "{text}");
    }

    fn described(header: &Header<'_>) -> String {
        let mut words = vec![shown(header.stamp), header.severity.to_string()];
        words.extend(
            [&header.host, &header.program, &header.logger].into_iter().flatten().map(ToString::to_string),
        );
        words.extend(header.process.map(|process| process.to_string()));
        if header.continuation != Continuation::Head {
            words.push(format!("{:?}", header.continuation));
        }
        if let Some(exchange) = &header.exchange {
            let client = exchange.client.as_deref().unwrap_or("-");
            words.push(format!(
                "{client} {} {} {:?} {:?}",
                exchange.method, exchange.target, exchange.status, exchange.seconds
            ));
        }
        format!("{} | {}", words.join(" "), header.body)
    }
}
