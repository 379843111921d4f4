//! One connection to one node of a cluster.

use std::sync::{Mutex, PoisonError};

use async_rs::Runtime;
use lapin::tcp::AsyncTcpStream;
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo, SASLMechanism};
use lapin::{Connection, ConnectionProperties};

use super::url::Node;
use super::wire::{self, Engine, Wire};
use super::{BrokerError, Cluster};

/// The library keeps 64 frames of memory for each connection, and brokers offer 128 KiB a frame.
const FRAME: u32 = 32 << 10;

pub(super) async fn open(
    cluster: &Cluster,
    node: &Node,
    virtual_host: &str,
) -> Result<Connection, BrokerError> {
    let connecting = async {
        let wire = wire::connect(node, &cluster.tls).await?;
        let properties = ConnectionProperties::default().with_connection_name("culprit".into());
        let uri = uri(cluster, node, virtual_host);
        let opened = Connection::connector(uri, wire::engine(), hand_over(wire), properties).await;
        opened.map_err(|source| BrokerError::of_opening(node, virtual_host, source))
    };
    let patience = cluster.retry.patience;
    tokio::time::timeout(patience, connecting).await.unwrap_or_else(|elapsed| {
        Err(BrokerError::Unreachable { node: node.to_string(), source: elapsed.into() })
    })
}

/// The library asks for its stream once: it shall not reconnect by itself.
fn hand_over(
    wire: Wire,
) -> impl AsyncFn(AMQPUri, Runtime<Engine>) -> lapin::Result<AsyncTcpStream<Wire>> + Send + Sync + 'static {
    let wire = Mutex::new(Some(wire));
    async move |_, _| {
        let wire = wire.lock().unwrap_or_else(PoisonError::into_inner).take();
        wire.map(AsyncTcpStream::Plain)
            .ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotConnected).into())
    }
}

fn uri(cluster: &Cluster, node: &Node, virtual_host: &str) -> AMQPUri {
    let userinfo = node.login.as_ref().map_or_else(AMQPUserInfo::default, |login| AMQPUserInfo {
        username: login.user.clone(),
        password: login.password.clone(),
    });
    // Who shows a certificate and names no user wants to be known by the certificate.
    let by_certificate = node.login.is_none() && cluster.tls.certificate_file.is_some();
    AMQPUri {
        scheme: AMQPScheme::AMQP,
        authority: AMQPAuthority { userinfo, host: node.host.clone(), port: node.port },
        vhost: virtual_host.to_owned(),
        query: AMQPQueryString {
            frame_max: Some(FRAME),
            heartbeat: Some(u16::try_from(cluster.heartbeat.as_secs().max(1)).unwrap_or(u16::MAX)),
            auth_mechanism: by_certificate.then_some(SASLMechanism::External),
            ..AMQPQueryString::default()
        },
    }
}
