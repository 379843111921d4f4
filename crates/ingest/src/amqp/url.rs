use std::fmt;
use std::str::FromStr;

use super::BrokerError;

/// `amqp://user:password@host:5672/vhost`, or the `transport_url` of an OpenStack service with all its nodes:
/// `rabbit://user:password@host1:5672,user:password@host2:5672/vhost`. Shown without passwords.
#[derive(Clone, PartialEq, Eq)]
pub struct BrokerUrl {
    pub(super) nodes: Vec<Node>,
    pub(super) virtual_host: String,
}

/// One broker of a cluster.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: bool,
    pub(super) login: Option<Login>,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: String,
}

impl FromStr for BrokerUrl {
    type Err = BrokerError;

    fn from_str(text: &str) -> Result<Self, BrokerError> {
        read(text).map_err(|why| BrokerError::Url { why })
    }
}

impl Node {
    pub(super) fn user(&self) -> &str {
        self.login.as_ref().map_or("", |login| login.user.as_str())
    }
}

fn read(text: &str) -> Result<BrokerUrl, &'static str> {
    let (scheme, rest) =
        text.trim().split_once("://").ok_or("it does not begin with `amqp://` or `amqps://`")?;
    let (rest, options) = rest.split_once('?').unwrap_or((rest, ""));
    let (hosts, virtual_host) = rest.split_once('/').unwrap_or((rest, ""));
    let tls = match scheme {
        "amqp" | "rabbit" => wants_tls(options),
        "amqps" => true,
        _ => return Err("its scheme is none of `amqp`, `amqps` and `rabbit`"),
    };
    let mut nodes: Vec<Node> = Vec::new();
    for text in hosts.split(',') {
        let mut node = node(text, tls)?;
        let before = nodes.last().and_then(|before| before.login.clone());
        node.login = node.login.or(before);
        nodes.push(node);
    }
    let virtual_host = match decoded(virtual_host)? {
        // To the letter it is a virtual host without a name, which nobody has; everybody who writes it means the default.
        empty if empty.is_empty() => "/".to_owned(),
        named => named,
    };
    Ok(BrokerUrl { nodes, virtual_host })
}

/// oslo.messaging takes its own options from the URL.
fn wants_tls(options: &str) -> bool {
    let mut pairs = options.split('&').filter_map(|pair| pair.split_once('='));
    pairs.any(|(key, value)| key == "ssl" && matches!(value, "1" | "true" | "True"))
}

fn node(text: &str, tls: bool) -> Result<Node, &'static str> {
    let (login, place) = text.rsplit_once('@').map_or((None, text), |(login, place)| (Some(login), place));
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or("the `]` after its address is missing")?,
        None => place.find(':').and_then(|colon| place.split_at_checked(colon)).unwrap_or((place, "")),
    };
    if host.is_empty() {
        return Err("it names no host");
    }
    let port = match port.strip_prefix(':').unwrap_or(port) {
        "" if tls => 5671,
        "" => 5672,
        number => number.parse().map_err(|_| "its port is no number up to 65535")?,
    };
    let login = login.map(|login| login.split_once(':').unwrap_or((login, "")));
    let login = login.map(|(user, password)| {
        Ok::<_, &'static str>(Login { user: decoded(user)?, password: decoded(password)? })
    });
    Ok(Node { host: decoded(host)?, port, tls, login: login.transpose()? })
}

fn decoded(text: &str) -> Result<String, &'static str> {
    const WRONG: &str = "a `%` in it is not followed by two digits; write `%25` for `%` itself";
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2).ok_or(WRONG)?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| WRONG)?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).map_err(|_| "its escaped bytes are no UTF-8")
}

impl fmt::Display for Node {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(out, "[{}]:{}", self.host, self.port),
            false => write!(out, "{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "amqp{}://{}@{self}", if self.tls { "s" } else { "" }, self.user())
    }
}

impl fmt::Debug for BrokerUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("BrokerUrl")
            .field("nodes", &self.nodes)
            .field("virtual_host", &self.virtual_host)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let seen = match read(text) {
            Ok(url) => {
                let nodes: Vec<_> = url
                    .nodes
                    .iter()
                    .map(|node| {
                        let password = node.login.as_ref().map_or("", |login| login.password.as_str());
                        format!("{node:?} {password}")
                    })
                    .collect();
                format!("{} in {}", nodes.join(", "), url.virtual_host)
            }
            Err(why) => why.to_owned(),
        };
        assert_eq!(seen, expected, "{text}");
    }

    #[test]
    fn urls_of_amqp_and_of_oslo_are_read() {
        check("amqp://localhost", "amqp://@localhost:5672  in /");
        check("amqp://nova:p%40ss@rabbit-1:5673/openstack", "amqp://nova@rabbit-1:5673 p@ss in openstack");
        check("amqps://nova:x@rabbit-1/%2f", "amqps://nova@rabbit-1:5671 x in /");
        check("amqp://u:p@[fd00::7]:5672/", "amqp://u@[fd00::7]:5672 p in /");
        check("amqp://u:p@10.0.0.4/a%2Fb?heartbeat=5", "amqp://u@10.0.0.4:5672 p in a/b");
        check("rabbit://u:p@a:5672,v:q@b:5672//", "amqp://u@a:5672 p, amqp://v@b:5672 q in /");
        check("rabbit://u:p@a,b/x?ssl=1", "amqps://u@a:5671 p, amqps://u@b:5671 p in x");
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        check("rabbit-1:5672", "it does not begin with `amqp://` or `amqps://`");
        check("http://u:secret@h", "its scheme is none of `amqp`, `amqps` and `rabbit`");
        check("amqp://u:secret@", "it names no host");
        check("amqp://u:secret@h:70000", "its port is no number up to 65535");
        check("amqp://u:100%@h", "a `%` in it is not followed by two digits; write `%25` for `%` itself");
        check("amqp://u:%ff@h", "its escaped bytes are no UTF-8");
        check("amqp://u:p@[::1", "the `]` after its address is missing");
        let url: BrokerUrl = "amqp://u:secret@h".parse().unwrap();
        assert!(!format!("{url:?}").contains("secret"));
    }
}
