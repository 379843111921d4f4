//! The RabbitMQ of these tests, and somebody else who is connected to it.

use std::sync::OnceLock;

use culprit_tests::rabbitmq::{Broker, Folder, PASSWORD};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties};
use tempfile::TempDir;

use super::running::eventually;

/// May read where [`Broker`]'s user may do anything, in the virtual host of one test.
pub(crate) const STRANGER: &str = "stranger";

/// One for each test.
const VIRTUAL_HOSTS: [&str; 10] =
    ["arriving", "missing", "crash", "dropped", "bounds", "draining", "permissions", "two", "odd", "restart"];

/// For all tests that do not disturb it; each has a virtual host of its own.
pub(crate) fn shared() -> &'static Broker {
    static SHARED: OnceLock<Broker> = OnceLock::new();
    SHARED.get_or_init(|| {
        let broker = start(folder().keep(), Folder::Goes);
        let permissions = ["set_permissions", "-p", "permissions", STRANGER, "^nothing$", "", ".*"];
        broker.control(&["add_user", STRANGER, PASSWORD]).unwrap();
        broker.control(&permissions).unwrap();
        broker
    })
}

/// Another one, gone before its folder.
pub(crate) struct Own {
    pub(crate) broker: Broker,
    _folder: TempDir,
}

pub(crate) fn own() -> Own {
    let folder = folder();
    Own { broker: start(folder.path().to_owned(), Folder::Stays), _folder: folder }
}

/// Somebody else at the broker.
pub(crate) async fn channel(broker: &Broker, virtual_host: &str) -> Channel {
    let url = broker.url(virtual_host);
    let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
    connection.create_channel().await.unwrap()
}

pub(crate) async fn waiting(channel: &Channel, queue: &str) -> u32 {
    let options = lapin::options::QueueDeclareOptions { passive: true, ..Default::default() };
    channel.queue_declare(queue.into(), options, FieldTable::default()).await.unwrap().message_count()
}

pub(crate) async fn waits(channel: &Channel, queue: &str, count: u32) {
    eventually(&format!("{count} messages in {queue}"), async || waiting(channel, queue).await == count)
        .await;
}

fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn start(folder: std::path::PathBuf, afterwards: Folder) -> Broker {
    Broker::start(&folder, afterwards, &VIRTUAL_HOSTS.map(str::to_owned)).unwrap()
}
