//! Notifications from a real RabbitMQ, published by the library that OpenStack's services use.

mod broker;
mod notifier;
mod running;

use std::time::Duration;

use culprit_tests::certificates::Certificates;
use culprit_tests::rabbitmq::{PASSWORD, SERVER_NAME, USER};
use ingest::ClientTls;
use ingest::amqp::{Bounds, BrokerError, Cluster, Take};
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ExchangeDeclareOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, ExchangeKind};

use broker::{STRANGER, waiting, waits};
use notifier::{Notifier, numbers};
use running::{Running, Store, eventually};

const BOTH_TOPICS: &str = "notifications,versioned_notifications";

fn cluster(urls: &[&str], take: Take) -> Cluster {
    let mut cluster = Cluster::new("east", urls.iter().map(|url| url.parse().unwrap()).collect(), take);
    cluster.retry.first = Duration::from_millis(50);
    cluster.retry.longest = Duration::from_millis(200);
    cluster.look = Duration::from_millis(100);
    cluster
}

fn copy(exchanges: &[&str]) -> Take {
    Take::Copy {
        exchanges: exchanges.iter().map(ToString::to_string).collect(),
        routing_keys: vec!["notifications.*".to_owned(), "versioned_notifications.*".to_owned()],
        queue_prefix: "culprit".to_owned(),
        bounds: Bounds::default(),
    }
}

fn copied(virtual_host: &str) -> Cluster {
    cluster(&[&broker::shared().url(virtual_host)], copy(&["nova"]))
}

/// As oslo.messaging declares it.
async fn declare(channel: &Channel, exchange: &str, durable: bool) {
    let options = ExchangeDeclareOptions { durable, ..Default::default() };
    let (kind, arguments) = (ExchangeKind::Topic, FieldTable::default());
    channel.exchange_declare(exchange.into(), kind, options, arguments).await.unwrap();
}

fn publish(url: &str, first: u64, count: u64) {
    notifier(url, first, count).publish();
}

fn notifier(url: &str, first: u64, count: u64) -> Notifier<'_> {
    Notifier {
        url,
        exchange: "nova",
        driver: "messagingv2",
        topics: "notifications",
        versioned: false,
        durable: false,
        first,
        count,
        pause: "0",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_drivers_and_both_formats_arrive_once_and_nobody_is_robbed() {
    let broker = broker::shared();
    let url = broker.url("arriving");
    let channel = broker::channel(broker, "arriving").await;
    declare(&channel, "nova", false).await;
    declare(&channel, "neutron", false).await;
    // The first node is dead.
    let dead = "amqp://culprit:x@127.0.0.1:1/arriving".to_owned();
    let mut running = Running::start(cluster(&[&dead, &url], copy(&["nova", "neutron"])), &Store::default());
    running.reads(2).await;

    let of = |driver, versioned, first| Notifier { driver, versioned, ..notifier(&url, first, 50) };
    of("messagingv2", false, 0).publish();
    of("messaging", false, 50).publish();
    // One message for both topics: it comes twice, with one id.
    Notifier { topics: BOTH_TOPICS, ..of("messagingv2", true, 100) }.publish();
    Notifier { topics: BOTH_TOPICS, ..of("messaging", true, 150) }.publish();
    Notifier { exchange: "neutron", ..of("messagingv2", false, 200) }.publish();

    let mut store = Store::default();
    running.stores(&mut store, 250).await;
    assert_eq!(store.numbers("amqp/east/nova"), (0..200).collect::<Vec<_>>());
    assert_eq!(store.numbers("amqp/east/neutron"), (200..250).collect::<Vec<_>>());
    waits(&channel, "culprit.nova", 0).await;
    // What the publishers declared for somebody else.
    assert_eq!(waiting(&channel, "notifications.info").await, 250);
    assert_eq!(waiting(&channel, "versioned_notifications.info").await, 100);
    running.stop(&mut store).await;
    assert_eq!(store.lines.len(), 250);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_that_comes_later_is_read_from_then_on() {
    let broker = broker::shared();
    let channel = broker::channel(broker, "missing").await;
    declare(&channel, "neutron", false).await;
    let take = copy(&["nova", "neutron"]);
    let mut running = Running::start(cluster(&[&broker.url("missing")], take), &Store::default());
    running.reads(1).await;
    let trouble = running.trouble().await;
    assert!(
        trouble.starts_with("exchange `nova` does not exist yet; it will be looked for again"),
        "{trouble}"
    );
    declare(&channel, "nova", false).await;
    running.reads(1).await;
    publish(&broker.url("missing"), 0, 3);
    let mut store = Store::default();
    running.stores(&mut store, 3).await;
    assert_eq!(store.numbers("amqp/east/nova"), [0, 1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_commit_and_acknowledgement_neither_loses_nor_doubles() {
    let broker = broker::shared();
    let channel = broker::channel(broker, "crash").await;
    declare(&channel, "nova", false).await;
    let mut store = Store::default();
    let few_a_batch = || {
        let mut cluster = copied("crash");
        cluster.settings.batch_lines = 10;
        cluster
    };
    let mut running = Running::start(few_a_batch(), &store);
    running.reads(1).await;
    publish(&broker.url("crash"), 0, 100);
    // Thirty are durable, and the broker does not know. Twenty more were handed over, and are lost with us.
    let mut kept = Vec::new();
    for _ in 0..5 {
        kept.push(running.delivery().await);
    }
    for delivery in &kept[..3] {
        store.keep(delivery);
    }
    running.crash().await;
    waits(&channel, "culprit.nova", 100).await;

    let mut running = Running::start(few_a_batch(), &store);
    running.stores(&mut store, 100).await;
    waits(&channel, "culprit.nova", 0).await;
    publish(&broker.url("crash"), 100, 1);
    running.stores(&mut store, 101).await;
    running.stop(&mut store).await;
    assert_eq!(store.numbers("amqp/east/nova"), (0..101).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_could_not_be_stored_come_again() {
    let broker = broker::shared();
    let channel = broker::channel(broker, "dropped").await;
    declare(&channel, "nova", false).await;
    let mut store = Store::default();
    let mut cluster = copied("dropped");
    cluster.settings.batch_lines = 10;
    let mut running = Running::start(cluster, &store);
    running.reads(1).await;
    publish(&broker.url("dropped"), 0, 40);
    store.commit(running.delivery().await);
    drop(running.delivery().await);
    let trouble = running.trouble().await;
    assert_eq!(trouble, "lines of `amqp/east/nova` could not be stored; they come again");
    running.stores(&mut store, 40).await;
    running.stop(&mut store).await;
    let mut numbers = store.numbers("amqp/east/nova");
    numbers.sort_unstable();
    assert_eq!(numbers, (0..40).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_of_ours_keeps_the_newest_and_no_more_than_its_bound() {
    let broker = broker::shared();
    let channel = broker::channel(broker, "bounds").await;
    declare(&channel, "nova", false).await;
    let bounded = |messages| {
        let mut cluster = copied("bounds");
        if let Take::Copy { bounds, .. } = &mut cluster.take {
            *bounds = Bounds {
                messages,
                message_lifetime: Duration::from_secs(3600),
                unused_lifetime: Duration::from_secs(7200),
            };
        }
        cluster
    };
    let mut store = Store::default();
    let mut running = Running::start(bounded(10), &store);
    running.reads(1).await;
    running.stop(&mut store).await;
    let listed = broker
        .control(&["list_queues", "--vhost", "bounds", "--silent", "name", "durable", "arguments"])
        .unwrap();
    for wanted in [
        "culprit.nova\ttrue",
        r#""x-max-length",10"#,
        r#""x-overflow","drop-head""#,
        r#""x-message-ttl",3600000"#,
        r#""x-expires",7200000"#,
    ] {
        assert!(listed.contains(wanted), "{wanted} in {listed}");
    }
    publish(&broker.url("bounds"), 0, 25);
    waits(&channel, "culprit.nova", 10).await;

    // Other bounds than the queue has: it is read all the same.
    let mut running = Running::start(bounded(20), &store);
    let trouble = running.trouble().await;
    assert!(
        trouble.starts_with("queue `culprit.nova` stands with other bounds than the settings have"),
        "{trouble}"
    );
    running.stores(&mut store, 10).await;
    running.stop(&mut store).await;
    assert_eq!(store.numbers("amqp/east/nova"), (15..25).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_queues_that_nobody_reads_are_drained() {
    let broker = broker::shared();
    let url = broker.url("draining");
    let channel = broker::channel(broker, "draining").await;
    publish(&url, 0, 5);
    let consumes = |name: &'static str| {
        let channel = channel.clone();
        async move {
            let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
            channel.basic_consume("notifications.info".into(), name.into(), options, arguments).await.unwrap()
        }
    };
    let ceilometer = consumes("ceilometer").await;
    let drain = Take::Drain { queues: vec!["notifications.info".to_owned(), "nobody.info".to_owned()] };
    let mut running = Running::start(cluster(&[&url], drain), &Store::default());
    let troubles = [running.trouble().await, running.trouble().await].join("\n");
    let refusal = "queue `notifications.info` has 1 consumers, who would lose what is taken from it";
    assert!(troubles.contains(refusal), "{troubles}");
    assert!(
        troubles.contains("queue `nobody.info` does not exist; it will be looked for again"),
        "{troubles}"
    );

    // What ceilometer had taken goes back with its channel.
    drop(ceilometer);
    channel.close(200, "".into()).await.unwrap();
    running.reads(1).await;
    let mut store = Store::default();
    running.stores(&mut store, 5).await;
    assert_eq!(store.numbers("amqp/east/notifications.info"), [0, 1, 2, 3, 4]);

    // Somebody comes while we drain: we step back.
    let channel = broker::channel(broker, "draining").await;
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    let later = channel.basic_consume("notifications.info".into(), "later".into(), options, arguments).await;
    let _reads_until_it_is_dropped = later.unwrap();
    running.trouble_with(refusal).await;
    let options = QueueDeclareOptions { passive: true, ..Default::default() };
    let consumers = async || {
        let queue = channel.queue_declare("notifications.info".into(), options, FieldTable::default()).await;
        queue.unwrap().consumer_count() == 1
    };
    eventually("one consumer", consumers).await;
    running.stop(&mut store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_good_ends_the_source_and_says_what_to_change() {
    let broker = broker::shared();
    let port = broker.port;
    let password = PASSWORD.replace(' ', "%20");
    let check = async |url: String, expected: &str| {
        let said = Running::start(cluster(&[&url], copy(&["nova"])), &Store::default()).failure().await;
        assert!(said.contains(expected), "{said}\nhas no\n{expected}");
        assert!(!said.contains("secret") && !said.contains(PASSWORD) && !said.contains(&password), "{said}");
    };
    check(
        format!("amqp://{USER}:secret@127.0.0.1:{port}/permissions"),
        "refused the password of user `culprit`; check both in its URL with `rabbitmqctl authenticate_user culprit PASSWORD`",
    )
    .await;
    check(
        broker.url("nowhere"),
        "has no virtual host `nowhere`; `rabbitmqctl list_vhosts` lists those it has",
    )
    .await;
    check(
        format!("amqp://{STRANGER}:{password}@127.0.0.1:{port}/crash"),
        "does not let user `stranger` into virtual host `crash`; allow it with `rabbitmqctl set_permissions -p crash stranger",
    )
    .await;
    check(
        format!("amqps://{USER}:{password}@127.0.0.1:{port}/permissions"),
        "it does not speak TLS on this port: use `amqp://`",
    )
    .await;
    let named = Cluster::new("east", Vec::new(), copy(&["nova"]));
    let said = Running::start(named, &Store::default()).failure().await;
    assert!(said.ends_with("no broker is named for cluster `east`; give it at least one URL"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_user_may_not_do_is_said_and_tried_again() {
    let broker = broker::shared();
    let channel = broker::channel(broker, "permissions").await;
    declare(&channel, "nova", false).await;
    let url = broker.url("permissions").replace(USER, STRANGER);
    let mut running = Running::start(cluster(&[&url], copy(&["nova"])), &Store::default());
    running
        .trouble_with("broker refused to declare queue `culprit.nova`; allow user `stranger` to configure")
        .await;
    running.stop(&mut Store::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_readers_of_one_queue_are_told_apart() {
    let broker = broker::shared();
    let channel = broker::channel(broker, "two").await;
    declare(&channel, "nova", false).await;
    let mut store = Store::default();
    let mut first = Running::start(copied("two"), &store);
    first.reads(1).await;
    let mut second = Running::start(copied("two"), &store);
    second
        .trouble_with("queue `culprit.nova` is read by another process; give each its own queue prefix")
        .await;
    first.stop(&mut store).await;
    second.reads(1).await;
    second.stop(&mut store).await;

    // A queue that is taken away is made anew.
    let mut first = Running::start(copied("two"), &store);
    first.reads(1).await;
    channel.queue_delete("culprit.nova".into(), QueueDeleteOptions::default()).await.unwrap();
    first.trouble_with("the broker took queue `culprit.nova` away from its reader").await;
    first.reads(1).await;
    first.stop(&mut store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_bodies_are_lines() {
    let broker = broker::shared();
    let channel = broker::channel(broker, "odd").await;
    declare(&channel, "nova", false).await;
    let mut cluster = copied("odd");
    cluster.settings.max_line = 100;
    let mut store = Store::default();
    let mut running = Running::start(cluster, &store);
    running.reads(1).await;
    let long = "x".repeat(300);
    let bodies: [(&[u8], &[u8]); 6] = [
        (b"no JSON\nat all\n", b"no JSON\\nat all"),
        (b"{\n \"a\": [1.0,\n 2]\n}", b"{\"a\":[1.0,2]}"),
        (b"\x1f\x8b\x08\x00\xff", b"\x1f\x8b\x08\x00\xff"),
        (b"", b""),
        (long.as_bytes(), &long.as_bytes()[..100]),
        (b"no JSON\nat all\n", b"no JSON\\nat all"),
    ];
    for (body, _) in bodies {
        let properties = BasicProperties::default()
            .with_content_type("text/klingon".into())
            .with_content_encoding("x-nobody-knows".into());
        let options = BasicPublishOptions::default();
        let published = channel
            .basic_publish("nova".into(), "notifications.info".into(), options, body, properties)
            .await;
        published.unwrap().await.unwrap();
    }
    running.stores(&mut store, bodies.len()).await;
    running.stop(&mut store).await;
    let lines: Vec<&[u8]> = store.lines.iter().map(|(_, line)| line.as_slice()).collect();
    assert_eq!(lines, bodies.map(|(_, line)| line));
    assert_eq!(store.cut, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_trusts_whom_it_is_told_to_trust() {
    let broker = broker::shared();
    let certificates = &broker.certificates;
    let password = PASSWORD.replace(' ', "%20");
    let url = format!("amqps://{USER}:{password}@127.0.0.1:{}/two", broker.tls_port);
    let ours = ClientTls {
        ca_file: Some(certificates.ca.clone()),
        certificate_file: Some(certificates.client.certificate.clone()),
        key_file: Some(certificates.client.key.clone()),
        server_name: Some(SERVER_NAME.to_owned()),
    };
    let secured = |url: &str, tls: &ClientTls| {
        let mut cluster = cluster(&[url], copy(&["elsewhere"]));
        cluster.tls = tls.clone();
        Running::start(cluster, &Store::default())
    };
    let check = async |tls: ClientTls, expected: &str| {
        let said = secured(&url, &tls).failure().await;
        assert!(said.contains(expected), "{said}\nhas no\n{expected}");
    };
    check(ClientTls { ca_file: None, ..ours.clone() }, "signed by nobody whom we trust: set the CA file")
        .await;
    let folder = tempfile::tempdir().unwrap();
    let strangers = Certificates::write(folder.path(), "strangers", SERVER_NAME, USER).unwrap();
    check(
        ClientTls { ca_file: Some(strangers.ca), ..ours.clone() },
        "signed by nobody whom we trust: set the CA file",
    )
    .await;
    check(
        ClientTls { server_name: None, ..ours.clone() },
        "certificate is for another name: set the server name",
    )
    .await;
    check(
        ClientTls { server_name: Some("a b".to_owned()), ..ours.clone() },
        "`a b` is no name that a certificate can have",
    )
    .await;
    check(ClientTls { key_file: None, ..ours.clone() }, "a client certificate needs its key").await;
    let missing = Some("/nowhere/ca.pem".into());
    check(
        ClientTls { ca_file: missing, ..ours.clone() },
        "failed to read `/nowhere/ca.pem` for TLS; check the path",
    )
    .await;
    let key = Some(certificates.client.key.clone());
    check(ClientTls { ca_file: key, ..ours.clone() }, "it must hold certificates in PEM").await;
    let other = Some(certificates.server.key.clone());
    check(ClientTls { key_file: other, ..ours.clone() }, "check that the key belongs to the certificate")
        .await;

    // The certificate says who we are.
    for url in [url.clone(), format!("amqps://127.0.0.1:{}/two", broker.tls_port)] {
        let mut running = secured(&url, &ours);
        running.trouble_with("exchange `elsewhere` does not exist yet").await;
        running.stop(&mut Store::default()).await;
    }
    // The broker wants to see a certificate of ours, and says so once it read our greeting.
    let nobody = ClientTls { certificate_file: None, key_file: None, ..ours };
    let said = secured(&url, &nobody).failure_or_trouble().await;
    assert!(said.contains("it may want a client certificate that it knows"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_and_comes_back_is_read_on() {
    let mut own = broker::own();
    let broker = &mut own.broker;
    let url = broker.url("restart");
    declare(&broker::channel(broker, "restart").await, "nova", true).await;
    let mut store = Store::default();
    let mut running = Running::start(cluster(&[&url], copy(&["nova"])), &store);
    running.reads(1).await;
    let slowly = Notifier { durable: true, pause: "0.005", ..notifier(&url, 0, 600) };
    let mut publishing = slowly.start();
    running.stores(&mut store, 200).await;
    broker.kill();
    running.trouble_with("lost broker").await;
    tokio::task::block_in_place(|| broker.rise()).unwrap();
    running.reads_storing(&mut store).await;
    running.stores(&mut store, 600).await;
    assert_eq!(tokio::task::block_in_place(|| numbers(&mut publishing)), 600);
    waits(&broker::channel(broker, "restart").await, "culprit.nova", 0).await;
    running.stop(&mut store).await;
    let mut numbers = store.numbers("amqp/east/nova");
    numbers.sort_unstable();
    assert_eq!(numbers, (0..600).collect::<Vec<_>>());
}

#[test]
fn a_wrong_url_is_refused_before_anything_is_tried() {
    let error = "amqp://u:secret@host:x/".parse::<ingest::amqp::BrokerUrl>().unwrap_err();
    assert!(matches!(error, BrokerError::Url { .. }) && !format!("{error:?} {error}").contains("secret"));
}
