//! What `culprit up` and `culprit agent` listen to, and how: the command line, the configuration behind it, and what is
//! usual behind that.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pipeline::{
    AgentSettings, Bounds, BrokerUrl, CentralUrl, ClientTls, Cluster, DoorSettings, ForwardSettings, Http,
    IncidentRule, JournalSettings, Keep, ShippedSettings, Start, StuckRule, SyslogSettings, TailSettings,
    Take, TlsSettings, Token,
};
use tokio::sync::watch;

use crate::args::{Agent, Hear, Up};
use crate::config::{self, Broker, Config};
use crate::engine::{self, Knowledge, LiveOptions, Sources, Status};
use crate::exit::{Exit, Failure};

/// What is followed when nothing is named.
const USUAL_FILES: [&str; 3] = ["/var/log/**/*.log", "/var/log/syslog", "/var/log/messages"];

/// Where lines go, and how they are judged.
pub(crate) fn options(up: &Up, config: &Config, store: &Path) -> Result<LiveOptions, Failure> {
    let zones = if up.zones.is_empty() {
        let configured = engine::zones(config.zones.iter().map(|zone| &zone.0));
        configured.map_err(|failure| failure.with_exit(Exit::Data))?
    } else {
        engine::zones(&up.zones)?
    };
    let failures = &config.failures;
    let stuck = StuckRule::default();
    Ok(LiveOptions {
        store: store.to_owned(),
        zones,
        host: Some(host(&up.hear, config)),
        stuck: StuckRule {
            actions: failures.stuck_actions.clone().unwrap_or(stuck.actions),
            after: failures.stuck_after.as_ref().map_or(stuck.after, config::Text::time),
        },
        incidents: incident_rule(config),
        keep: Keep {
            days: config.keep.days,
            most_bytes: config.keep.max_bytes.as_ref().map(|bytes| bytes.0.0),
        },
        ..LiveOptions::default()
    })
}

/// Which failures are one incident.
pub(crate) fn incident_rule(config: &Config) -> IncidentRule {
    let (failures, usual) = (&config.failures, IncidentRule::default());
    IncidentRule {
        failures: failures.incident_failures.unwrap_or(usual.failures),
        quiet: failures.incident_quiet.as_ref().map_or(usual.quiet, config::Text::time),
    }
}

/// What is heard. `status` is shown to whoever asks over HTTP.
pub(crate) fn sources(
    hear: &Hear,
    config: &Config,
    knowledge: &Knowledge,
    status: &watch::Sender<Arc<Status>>,
) -> Result<Sources, Failure> {
    let start = if hear.from_end || config.files.from_end { Start::End } else { Start::Beginning };
    let host = host(hear, config);
    let (udp, tcp) = (hear.syslog_udp.or(config.syslog.udp), hear.syslog_tcp.or(config.syslog.tcp));
    let syslog = SyslogSettings { udp, tcp, ..SyslogSettings::default() };
    let journal = JournalSettings {
        host: host.clone(),
        start,
        arguments: config.journal.arguments.clone(),
        ..JournalSettings::default()
    };
    let mut brokers = Vec::new();
    for broker in &config.brokers {
        brokers.push(cluster(broker, knowledge)?);
    }
    if let Some(url) = &hear.notifications {
        brokers.push(Cluster::new("cloud", vec![url.clone()], copy(&Broker::default(), knowledge)));
    }
    Ok(Sources {
        files: Some(TailSettings {
            patterns: patterns(hear, config)?,
            host: (!hear.hosts_from_paths && !config.files.hosts_from_paths).then_some(host),
            start,
            poll: config.files.poll.as_ref().map(config::Text::time),
            ..TailSettings::default()
        }),
        syslog: (udp.is_some() || tcp.is_some()).then_some(syslog),
        journal: (hear.journal || config.journal.follow).then_some(journal),
        brokers,
        http: http(hear, config, knowledge, status)?,
        forward: forward(hear, config, knowledge)?,
        stdin: hear.stdin,
    })
}

/// To whom lines are sent, and where they wait meanwhile.
pub(crate) fn agent(agent: &Agent, config: &Config, buffer: PathBuf) -> Result<AgentSettings, Failure> {
    let configured = config.agent.clone();
    let url = agent.to.clone().or(configured.to).ok_or_else(|| {
        Failure::because(Exit::Usage, "nothing says where lines are to be sent")
            .advise("add `--to https://central:7310`, or `to` in the `[agent]` section of the configuration")
    })?;
    let url = CentralUrl::parse(&url).map_err(|error| Failure::new(Exit::Usage, error))?;
    let mut settings = AgentSettings::new(host(&agent.hear, config), url, buffer);
    if let Some(file) = agent.token.clone().or(configured.token_file) {
        config::secret(&file, "token")?;
        settings.central.token = Token::File(file);
    }
    settings.central.tls = ClientTls {
        ca_file: agent.ca.clone().or(configured.ca_file),
        certificate_file: configured.certificate_file,
        key_file: configured.key_file,
        server_name: None,
    };
    if let Some(bytes) = agent.buffer_bytes.or(configured.buffer_bytes.map(|bytes| bytes.0)) {
        settings.spool.max_bytes = bytes.0;
    }
    Ok(settings)
}

/// What of the settings deserves a word.
pub(crate) fn warnings(sources: &Sources) -> Vec<String> {
    let syslog = sources.syslog.iter().flat_map(|syslog| [syslog.udp, syslog.tcp]).flatten();
    let open = syslog.filter(|address| !address.ip().is_loopback());
    open.map(|address: SocketAddr| format!("whoever reaches {address} can write into the store")).collect()
}

fn host(hear: &Hear, config: &Config) -> String {
    let this_machine = || rustix::system::uname().nodename().to_string_lossy().into_owned();
    hear.host.clone().or_else(|| config.host.clone()).unwrap_or_else(this_machine)
}

/// Absolute, as a tail wants them.
fn patterns(hear: &Hear, config: &Config) -> Result<Vec<String>, Failure> {
    let usual = || USUAL_FILES.map(str::to_owned).to_vec();
    let named = match &hear.patterns {
        named if named.is_empty() => config.files.patterns.clone().unwrap_or_else(usual),
        named => named.clone(),
    };
    let absolute = |pattern: &String| Ok(std::path::absolute(pattern)?.to_string_lossy().into_owned());
    named.iter().map(absolute).collect()
}

fn http(
    hear: &Hear,
    config: &Config,
    knowledge: &Knowledge,
    status: &watch::Sender<Arc<Status>>,
) -> Result<Option<Http>, Failure> {
    let Some(address) = hear.listen.or(config.listen.http) else { return Ok(None) };
    let mut doors = DoorSettings::new(address, ShippedSettings::new(knowledge.field_names().clone()));
    doors.token = token(hear, config)?;
    doors.tls = tls(config)?;
    let (open, guarded) = (api::open(status.subscribe()), api::guarded(status.subscribe()));
    Ok(Some(Http { doors, open, guarded }))
}

/// Fluentd calls the token a shared key.
fn forward(hear: &Hear, config: &Config, knowledge: &Knowledge) -> Result<Option<ForwardSettings>, Failure> {
    let Some(address) = hear.listen_forward.or(config.listen.forward) else { return Ok(None) };
    let shipped = ShippedSettings::new(knowledge.field_names().clone());
    let settings = ForwardSettings::new(address, shipped);
    Ok(Some(ForwardSettings { shared_key: token(hear, config)?, tls: tls(config)?, ..settings }))
}

/// What others have to send.
fn token(hear: &Hear, config: &Config) -> Result<Option<String>, Failure> {
    let file = hear.listen_token.as_ref().or(config.listen.token_file.as_ref());
    file.map(|file| config::secret(file, "token")).transpose()
}

fn tls(config: &Config) -> Result<Option<TlsSettings>, Failure> {
    let listen = &config.listen;
    match (&listen.certificate_file, &listen.key_file) {
        (Some(certificate), Some(key)) => {
            let client_ca = listen.client_ca_file.clone();
            Ok(Some(TlsSettings { certificate: certificate.clone(), key: key.clone(), client_ca }))
        }
        (None, None) if listen.client_ca_file.is_none() => Ok(None),
        _ => {
            let message = "TLS needs both `certificate_file` and `key_file`";
            Err(Failure::because(Exit::Data, message)
                .advise("name both in the `[listen]` section of the configuration"))
        }
    }
}

fn cluster(broker: &Broker, knowledge: &Knowledge) -> Result<Cluster, Failure> {
    let mut urls: Vec<BrokerUrl> = broker.urls.iter().map(|url| url.0.clone()).collect();
    if let Some(file) = &broker.url_file {
        for row in config::secret(file, "file of broker URLs")?.lines().filter(|row| !row.trim().is_empty()) {
            let url = row.trim().parse::<BrokerUrl>();
            urls.push(url.map_err(|error| wrong(broker, &format!("`{}`: {error}", file.display())))?);
        }
    }
    if urls.is_empty() {
        return Err(wrong(broker, "no URL is named: `urls` or `url_file` is needed"));
    }
    let take = match broker.drain.as_slice() {
        [] => copy(broker, knowledge),
        queues => Take::Drain { queues: queues.to_vec() },
    };
    let Broker { ca_file, certificate_file, key_file, server_name, .. } = broker.clone();
    for file in [&ca_file, &certificate_file, &key_file].into_iter().flatten() {
        config::readable(file, "certificate or key")?;
    }
    Ok(Cluster {
        virtual_host: broker.virtual_host.clone(),
        tls: ClientTls { ca_file, certificate_file, key_file, server_name },
        ..Cluster::new(&broker.name, urls, take)
    })
}

fn copy(broker: &Broker, knowledge: &Knowledge) -> Take {
    Take::Copy {
        exchanges: broker.exchanges.clone().unwrap_or_else(|| knowledge.exchanges().to_vec()),
        routing_keys: broker.routing_keys.clone().unwrap_or_else(|| knowledge.routing_keys().to_vec()),
        queue_prefix: broker.queue_prefix.clone().unwrap_or_else(|| "culprit".to_owned()),
        bounds: Bounds::default(),
    }
}

fn wrong(broker: &Broker, what: &str) -> Failure {
    Failure::because(Exit::Data, format!("the broker `{}` cannot be used: {what}", broker.name))
        .advise("change its `[[brokers]]` section in the configuration")
}
