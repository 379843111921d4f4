use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ingest::{Delivery, Place, Syslog, SyslogCounts, SyslogSettings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::{Running, texts};

const OLD: &str = "<11>Nov 21 03:14:18 ctl1 nova-api[17]: boom";
const NEW: &str = r#"<165>1 2026-11-21T03:14:18.003Z ctl2 nova-compute 8710 ID47 [ex@32473 iut="3"] hello"#;

async fn start(
    change: impl FnOnce(&mut SyslogSettings),
) -> (Running, SocketAddr, SocketAddr, Arc<SyslogCounts>) {
    let any = Some(([127, 0, 0, 1], 0).into());
    let mut settings = SyslogSettings { udp: any, tcp: any, ..SyslogSettings::default() };
    change(&mut settings);
    let source = Syslog::bind(settings).await.unwrap();
    let (udp, tcp) = source.addresses();
    let counts = source.counts();
    (Running::start(source, 16), udp.unwrap(), tcp.unwrap(), counts)
}

fn name(delivery: &Delivery) -> &str {
    match &delivery.place {
        Place::Stream { name, .. } => name,
        other => panic!("a stream is expected, no {other:?}"),
    }
}

#[tokio::test]
async fn datagrams_of_both_formats_go_to_the_streams_of_their_programs() {
    let (mut running, udp, _, counts) = start(|_| {}).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for (message, expected) in [(OLD, "syslog/ctl1/nova-api"), (NEW, "syslog/ctl2/nova-compute")] {
        socket.send_to(message.as_bytes(), udp).await.unwrap();
        let delivery = running.next().await;
        assert_eq!((name(&delivery), texts(&delivery)), (expected, vec![message.to_owned()]));
        assert_eq!(delivery.source.path, expected);
    }
    assert_eq!(counts.messages.load(Ordering::Relaxed), 2);
    running.stop().await;
}

#[tokio::test]
async fn a_message_of_several_lines_stays_together() {
    let (mut running, udp, _, _) = start(|_| {}).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let message = format!("{OLD}\nTraceback (most recent call last):\n  File \"x\"\n");
    socket.send_to(message.as_bytes(), udp).await.unwrap();
    let delivery = running.next().await;
    assert_eq!(texts(&delivery), [OLD, "Traceback (most recent call last):", "  File \"x\""]);
    let numbers: Vec<u64> = delivery.batch.lines.iter().map(|line| line.number).collect();
    assert_eq!((numbers, name(&delivery)), (vec![1, 2, 3], "syslog/ctl1/nova-api"));
    running.stop().await;
}

#[tokio::test]
async fn both_framings_come_through_one_connection() {
    let (mut running, _, tcp, _) = start(|_| {}).await;
    let mut stream = TcpStream::connect(tcp).await.unwrap();
    let text = format!("{} {OLD}{NEW}\n{} {OLD}{OLD}", OLD.len(), OLD.len());
    stream.write_all(text.as_bytes()).await.unwrap();
    drop(stream); // The last one has no end, and is a message all the same.
    let mut lines = running.lines(4).await;
    lines.sort();
    assert_eq!(lines, [OLD, OLD, OLD, NEW]);
    running.stop().await;
}

#[tokio::test]
async fn bad_frames_end_their_connection_and_no_other() {
    let (mut running, _, tcp, counts) = start(|settings| settings.max_line = 60).await;
    let mut good = TcpStream::connect(tcp).await.unwrap();
    let mut bad = TcpStream::connect(tcp).await.unwrap();
    bad.write_all(format!("{OLD}\n99999999 x").as_bytes()).await.unwrap();
    assert_eq!(texts(&running.next().await), [OLD]);
    let mut rest = Vec::new();
    // Closed, be it with an error because of what was not read.
    bad.read_to_end(&mut rest).await.ok();
    let long = format!("{OLD}{}\n{OLD}\n", "x".repeat(1 << 20));
    good.write_all(long.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let delivery = running.next().await;
        seen.extend(texts(&delivery).iter().map(|text| (text.len(), !delivery.batch.cut.is_empty())));
    }
    assert_eq!((seen[0].0, seen[1].0), (60, OLD.len()));
    assert_eq!(counts.bad_frames.load(Ordering::Relaxed), 1);
    assert_eq!(counts.cut.load(Ordering::Relaxed), 1);
    running.stop().await;
}

#[tokio::test]
async fn connections_are_bounded_in_number_and_in_silence() {
    let (mut running, _, tcp, counts) = start(|settings| {
        settings.max_connections = 1;
        settings.idle = Duration::from_millis(300);
    })
    .await;
    let mut first = TcpStream::connect(tcp).await.unwrap();
    first.write_all(format!("{OLD}\n").as_bytes()).await.unwrap();
    running.next().await;
    let mut second = TcpStream::connect(tcp).await.unwrap();
    assert_eq!(second.read(&mut [0]).await.unwrap_or(0), 0);
    assert_eq!(first.read(&mut [0]).await.unwrap_or(0), 0);
    assert_eq!(counts.refused.load(Ordering::Relaxed), 1);
    assert_eq!(counts.idle.load(Ordering::Relaxed), 1);
    running.stop().await;
}

#[tokio::test]
async fn made_up_names_share_a_stream() {
    let (mut running, udp, _, _) = start(|settings| settings.max_streams = 2).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for (number, expected) in
        [(1, "syslog/h1/p"), (2, "syslog/h2/p"), (3, "syslog/others/others"), (1, "syslog/h1/p")]
    {
        socket.send_to(format!("<11>Nov 21 03:14:18 h{number} p: x").as_bytes(), udp).await.unwrap();
        assert_eq!(name(&running.next().await), expected);
    }
    running.stop().await;
}

#[tokio::test]
async fn an_address_in_use_is_an_error() {
    let (running, _, tcp, _) = start(|_| {}).await;
    let settings = SyslogSettings { tcp: Some(tcp), ..SyslogSettings::default() };
    let error = Syslog::bind(settings).await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("failed to listen on {tcp}; check")), "{error}");
    running.stop().await;
}
