//! The closed set of formats. Each file under `format/` reads one: `pub(crate) fn read(text: &str) -> Option<Header<'_>>`.

mod clock;
mod quoted;

mod cri;
mod docker;
mod journald;
mod syslog;
mod wrapped;

mod fluent;
mod json;
mod notification;
mod oslo_json;
mod payload;
mod python_repr;

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

#[cfg(test)]
mod tests {
    use crate::format::clock::tests::shown;
    use crate::header::{Continuation, Header};

    /// A header on one line: time, severity, what else the line names, ` | `, the body. Nothing for `None`.
    pub(super) fn check(read: fn(&str) -> Option<Header<'_>>, text: &str, expected: &str) {
        assert_eq!(read(text).as_ref().map(described).unwrap_or_default(), expected, "{text}");
    }

    fn described(header: &Header<'_>) -> String {
        let mut words = vec![shown(header.stamp), header.severity.to_string()];
        words.extend([&header.host, &header.program, &header.logger].into_iter().flatten().map(ToString::to_string));
        words.extend(header.process.map(|process| process.to_string()));
        if header.continuation != Continuation::Head {
            words.push(format!("{:?}", header.continuation));
        }
        if let Some(exchange) = &header.exchange {
            let client = exchange.client.as_deref().unwrap_or("-");
            words.push(format!("{client} {} {} {:?} {:?}", exchange.method, exchange.target, exchange.status, exchange.seconds));
        }
        format!("{} | {}", words.join(" "), header.body)
    }
}
