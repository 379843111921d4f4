use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use ingest::LiveSource as _;
use ingest::forward::{Forward, ForwardCounts, ForwardSettings};
use ring::digest::{SHA512, digest};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::client::rest;
use crate::site::{Disk, GUARD, Store, shipped, store};

pub(crate) struct Fluentd {
    pub(crate) address: SocketAddr,
    counts: Arc<ForwardCounts>,
    stop: CancellationToken,
    serving: JoinHandle<Result<(), ingest::ReadError>>,
    store: JoinHandle<Store>,
}

impl Fluentd {
    pub(crate) async fn open(disk: Disk, change: impl FnOnce(&mut ForwardSettings)) -> Self {
        let mut settings = ForwardSettings::new(([127, 0, 0, 1], 0).into(), shipped());
        change(&mut settings);
        let forward = Forward::bind(settings).await.unwrap();
        let (address, counts) = (forward.address().unwrap(), forward.counts());
        let (out, handed_over) = mpsc::channel(8);
        let stop = CancellationToken::new();
        let serving = tokio::spawn(forward.run(out, stop.clone()));
        Self { address, counts, stop, serving, store: tokio::spawn(store(handed_over, disk)) }
    }

    pub(crate) async fn close(self) -> Store {
        self.stop.cancel();
        timeout(GUARD, self.serving).await.expect("it ends").unwrap().unwrap();
        self.store.await.unwrap()
    }

    /// So many messages were taken.
    pub(crate) async fn takes(&self, messages: u64) {
        let taken = async {
            while self.counts.messages.load(Ordering::Relaxed) < messages {
                tokio::task::yield_now().await;
            }
        };
        timeout(GUARD, taken).await.expect("they are taken");
    }
}

/// MessagePack, from JSON: `"!T"` is a time with nanoseconds, and what begins with `!` bytes in hex.
fn packed(json: &str) -> Vec<u8> {
    fn pack(value: &serde_json::Value, out: &mut Vec<u8>) {
        use serde_json::Value as V;
        match value {
            V::Null => out.push(0xc0),
            V::Bool(value) => out.push(0xc2 + u8::from(*value)),
            V::Number(number) => {
                out.push(0xcf);
                out.extend(number.as_u64().unwrap().to_be_bytes());
            }
            V::String(text) if text == "!T" => {
                out.extend([0xd7, 0]);
                out.extend(1_795_231_696_u32.to_be_bytes());
                out.extend(763_000_000_u32.to_be_bytes());
            }
            V::String(text) if text.starts_with('!') => {
                let digit = |digit: u8| char::from(digit).to_digit(16).unwrap() as u8;
                let digits = text.as_bytes().get(1..).unwrap().chunks(2);
                let bytes: Vec<u8> = digits.map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect();
                out.push(0xc6);
                out.extend((bytes.len() as u32).to_be_bytes());
                out.extend(bytes);
            }
            V::String(text) => {
                out.push(0xdb);
                out.extend((text.len() as u32).to_be_bytes());
                out.extend(text.as_bytes());
            }
            V::Array(list) => {
                out.push(0xdd);
                out.extend((list.len() as u32).to_be_bytes());
                list.iter().for_each(|value| pack(value, out));
            }
            V::Object(map) => {
                out.push(0xdf);
                out.extend((map.len() as u32).to_be_bytes());
                for (key, value) in map {
                    pack(&V::String(key.clone()), out);
                    pack(value, out);
                }
            }
        }
    }
    let mut out = Vec::new();
    pack(&serde_json::from_str(json).unwrap(), &mut out);
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn line(text: &str) -> String {
    format!(r#"{{"hostname":"h","path":"/a","log":"{text}"}}"#)
}

async fn send(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

#[tokio::test]
async fn every_sort_of_message_is_taken_and_acknowledged() {
    let fluentd = Fluentd::open(Disk::Works, |_| {}).await;
    let events = |a: &str, b: &str| {
        [packed(&format!(r#"["!T",{}]"#, line(a))), packed(&format!("[[\"!T\",{{}}],{}]", line(b)))].concat()
    };
    let (plain, members) = (events("d", "e"), [gzip(&events("f", "g")), gzip(&events("h", "i"))].concat());
    let zstd = zstd::encode_all(&*events("j", "k"), 3).unwrap();
    let messages = [
        format!(r#"["nova",1795231696,{},{{"chunk":"c1"}}]"#, line("a")),
        format!(r#"["nova",[["!T",{}],[1795231696,{}]],{{"chunk":"c1","size":2}}]"#, line("b"), line("c")),
        format!(r#"["nova","!{}",{{"chunk":"c1"}}]"#, hex(&plain)),
        format!(r#"["nova","!{}",{{"chunk":"c1","compressed":"gzip"}}]"#, hex(&members)),
        format!(r#"["nova","!{}",{{"chunk":"c1","compressed":"zstd"}}]"#, hex(&zstd)),
    ];
    let bytes: Vec<u8> =
        messages.iter().flat_map(|message| [packed(message), packed("null")].concat()).collect();
    // In pieces of any size.
    let mut stream = TcpStream::connect(fluentd.address).await.unwrap();
    for piece in bytes.chunks(7) {
        stream.write_all(piece).await.unwrap();
    }
    let mut acknowledged = [0; 5 * 8];
    timeout(GUARD, stream.read_exact(&mut acknowledged)).await.unwrap().unwrap();
    assert_eq!(acknowledged.as_slice(), b"\x81\xa3ack\xa2c1".repeat(5));
    drop(stream);
    let lines = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"];
    assert_eq!(fluentd.close().await.only("fluent/h/a"), lines);
}

#[tokio::test]
async fn events_that_are_not_carried_lines_keep_their_time() {
    let check = async |record: &str, stream: &str, expected: &str| {
        let fluentd = Fluentd::open(Disk::Works, |_| {}).await;
        let sent = send(fluentd.address, &packed(&format!(r#"["nova.api","!T",{record}]"#))).await;
        fluentd.takes(1).await;
        drop(sent);
        assert_eq!(fluentd.close().await.only(stream), [expected]);
    };
    check(
        r#"{"log":"boom","level":"error"}"#,
        "fluent/127.0.0.1/nova.api",
        r#"{"timestamp":"2026-11-21T03:28:16.763Z","severity_text":"error","body":"boom","attributes":{"level":"error"},"resource":{"tag":"nova.api"}}"#,
    )
    .await;
    // oslo.log's FluentFormatter, whose time Fluentd took.
    check(
        r#"{"message":"hi","name":"nova","level":"INFO","funcname":"f","hostname":"ctl1"}"#,
        "fluent/ctl1/nova.api",
        r#"{"funcname":"f","hostname":"ctl1","level":"INFO","message":"hi","name":"nova","time":"2026-11-21T03:28:16.763Z"}"#,
    )
    .await;
    // The program's own time is better.
    check(
        r#"{"time":"2026-11-21T03:28:15Z","message":"hi"}"#,
        "fluent/127.0.0.1/nova.api",
        r#"{"timestamp":"2026-11-21T03:28:15Z","observed_timestamp":"2026-11-21T03:28:16.763Z","body":"hi","resource":{"tag":"nova.api"}}"#,
    )
    .await;
}

#[tokio::test]
async fn what_is_not_durable_is_not_acknowledged() {
    let fluentd = Fluentd::open(Disk::Fails, |_| {}).await;
    let message = packed(&format!(r#"["nova",1,{},{{"chunk":"c1"}}]"#, line("a")));
    let mut stream = send(fluentd.address, &message).await;
    assert_eq!(rest(&mut stream).await, b"");
    assert_eq!(fluentd.counts.undelivered.load(Ordering::Relaxed), 1);
    fluentd.close().await;
}

#[tokio::test]
async fn bad_messages_end_their_connection_and_no_other() {
    let fluentd = Fluentd::open(Disk::Works, |settings| {
        settings.max_message = 1 << 20;
        settings.max_text = 1 << 20;
        settings.max_records = 10;
    })
    .await;
    let mut good = TcpStream::connect(fluentd.address).await.unwrap();
    let mut count = 0;
    let mut check = async |bytes: &[u8]| {
        let mut bad = TcpStream::connect(fluentd.address).await.unwrap();
        // It may be closed before all was sent.
        bad.write_all(bytes).await.ok();
        assert_eq!(rest(&mut bad).await, b"", "{:x?}", bytes.get(..99));
        count += 1;
        assert_eq!(fluentd.counts.bad_messages.load(Ordering::Relaxed), count);
        let message = packed(&format!(r#"["nova",1,{},{{"chunk":"c1"}}]"#, line("good")));
        good.write_all(&message).await.unwrap();
        timeout(GUARD, good.read_exact(&mut [0; 8])).await.unwrap().unwrap();
    };
    check(b"GET / HTTP/1.1\r\n\r\n").await;
    check(&packed("{}")).await;
    check(&packed("[\"tag\"]")).await;
    check(&packed("[7,7,{}]")).await;
    check(&packed("[\"tag\",[[1]]]")).await;
    check(&packed("[\"tag\",\"!93\"]")).await;
    check(&packed("[\"tag\",\"!00\",{\"compressed\":\"gzip\"}]")).await;
    check(&packed("[\"tag\",\"!00\",{\"compressed\":\"lz4\"}]")).await;
    let bomb = hex(&gzip(&vec![0; 8 << 20]));
    check(&packed(&format!("[\"tag\",\"!{bomb}\",{{\"compressed\":\"gzip\"}}]"))).await;
    check(&packed(&format!("[\"tag\",[{}]]", ["[1,{}]"; 11].join(",")))).await;
    // Deep, endless, and of a promised length.
    check(&[0x91; 1000]).await;
    check(&[&[0xdd, 0xff, 0xff, 0xff, 0xff][..], &[0xc0; 2 << 20]].concat()).await;
    check(&[0x92, 0xdb, 0xff, 0xff, 0xff, 0xff]).await;
    check(&[0xc1]).await;
    drop(good);
    assert_eq!(fluentd.close().await.only("fluent/h/a").len() as u64, count);
}

#[tokio::test]
async fn bad_events_are_left_out_alone() {
    let fluentd = Fluentd::open(Disk::Works, |_| {}).await;
    let huge = line(&"x".repeat(1 << 20));
    let message = format!(r#"["nova",[[1,7],["soon",{}],[1,{huge}]],{{"chunk":"c1"}}]"#, line("good"));
    let mut stream = send(fluentd.address, &packed(&message)).await;
    timeout(GUARD, stream.read_exact(&mut [0; 8])).await.unwrap().unwrap();
    assert_eq!(fluentd.counts.records_refused.load(Ordering::Relaxed), 2);
    drop(stream);
    assert_eq!(fluentd.close().await.only("fluent/h/a"), ["good"]);
}

#[tokio::test]
async fn silent_and_slow_connections_are_closed() {
    let fluentd = Fluentd::open(Disk::Works, |settings| {
        settings.max_connections = 2;
        settings.idle = Duration::from_millis(200);
        settings.message_timeout = Duration::from_millis(200);
    })
    .await;
    let mut silent = TcpStream::connect(fluentd.address).await.unwrap();
    let mut slow = send(fluentd.address, &packed("[\"tag\",7,{}]")[..9]).await;
    let mut third = TcpStream::connect(fluentd.address).await.unwrap();
    for stream in [&mut third, &mut silent, &mut slow] {
        assert_eq!(rest(stream).await, b"");
    }
    let counts = &fluentd.counts;
    let seen = [&counts.idle, &counts.connections.refused].map(|count| count.load(Ordering::Relaxed));
    assert_eq!(seen, [2, 1]);
    fluentd.close().await;
}

#[tokio::test]
async fn only_who_knows_the_key_is_heard() {
    let fluentd =
        Fluentd::open(Disk::Works, |settings| settings.shared_key = Some("s3cret".to_owned())).await;
    for (key, admitted) in [("s3cret", true), ("secret", false)] {
        let mut stream = TcpStream::connect(fluentd.address).await.unwrap();
        let mut helo = [0; 48];
        timeout(GUARD, stream.read_exact(&mut helo)).await.unwrap().unwrap();
        let start = helo.windows(2).position(|window| window == [0xc4, 16]).unwrap() + 2;
        let nonce = &helo[start..start + 16];
        let proof =
            |name: &[u8]| hex(digest(&SHA512, &[b"salt", name, nonce, key.as_bytes()].concat()).as_ref());
        let ping = format!(r#"["PING","shipper","salt","{}","",""]"#, proof(b"shipper"));
        stream.write_all(&packed(&ping)).await.unwrap();
        let mut pong = [0; 7];
        timeout(GUARD, stream.read_exact(&mut pong)).await.unwrap().unwrap();
        assert_eq!(&pong, if admitted { b"\x95\xa4PONG\xc3" } else { b"\x95\xa4PONG\xc2" });
        // It may be closed already.
        stream.write_all(&packed(&format!(r#"["nova",1,{}]"#, line("x")))).await.ok();
        if admitted {
            let mut answer = [0; 9 + 2 + 128];
            timeout(GUARD, stream.read_exact(&mut answer)).await.unwrap().unwrap();
            assert!(answer.ends_with(proof(b"culprit").as_bytes()));
            fluentd.takes(1).await;
        } else {
            rest(&mut stream).await;
        }
    }
    assert_eq!(fluentd.counts.strangers.load(Ordering::Relaxed), 1);
    assert_eq!(fluentd.close().await.only("fluent/h/a"), ["x"]);
}
