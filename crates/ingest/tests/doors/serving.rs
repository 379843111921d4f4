use std::sync::atomic::Ordering;
use std::time::Duration;

use ingest::http::{DoorSettings, Doors};
use prost::Message as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::client::{answer, get, head, post, rest};
use crate::otlp::{record, request, text};
use crate::site::{Disk, Site, shipped};

#[tokio::test]
async fn the_token_guards_everything_but_what_is_open() {
    let site = Site::with(Disk::Works, |settings| settings.token = Some("s3cret".to_owned())).await;
    let body = request(&[], vec![record(text("x"))]).encode_to_vec();
    for (authorization, served) in [
        ("Authorization: Bearer s3cret", true),
        ("Authorization: Basic c2hpcHBlcjpzM2NyZXQ=", true),
        ("Authorization: Bearer secret", false),
        ("X-Nothing: x", false),
    ] {
        let status = if served { 200 } else { 401 };
        let headers = [authorization, "Content-Type: application/x-protobuf"];
        assert_eq!(post(site.address, "/v1/logs", &headers, &body).await.status, status);
        assert_eq!(get(site.address, "/api", &headers).await.status, status);
        assert_eq!(get(site.address, "/nowhere", &headers).await.status, if served { 404 } else { 401 });
        assert_eq!(get(site.address, "/healthz", &headers).await.text(), "well");
    }
    assert_eq!(site.counts.strangers.load(Ordering::Relaxed), 6);
    site.close().await;
}

#[tokio::test]
async fn an_address_that_everybody_reaches_needs_a_guard() {
    let check = async |address: &str, token: Option<&str>, expected: &str| {
        let mut settings = DoorSettings::new(address.parse().unwrap(), shipped());
        settings.token = token.map(str::to_owned);
        let bound = Doors::bind(settings, axum::Router::new(), axum::Router::new()).await;
        let told = bound.err().map(|error| std::error::Error::source(&error).unwrap().to_string());
        assert!(told.as_deref().unwrap_or_default().contains(expected), "{told:?}");
        assert_eq!(told.is_some(), !expected.is_empty());
    };
    check("0.0.0.0:0", None, "set a token or a CA for clients' certificates, or listen on 127.0.0.1").await;
    check("[::]:0", None, "set a token").await;
    check("0.0.0.0:0", Some(""), "the token is empty").await;
    check("0.0.0.0:0", Some("s"), "").await;
    check("127.0.0.1:0", None, "").await;
}

#[tokio::test]
async fn slow_clients_are_closed_and_others_served() {
    let site = Site::with(Disk::Works, |settings| {
        settings.header_timeout = Duration::from_millis(200);
        settings.body_timeout = Duration::from_millis(200);
    });
    let site = site.await;
    let mut silent = TcpStream::connect(site.address).await.unwrap();
    let mut half_a_head = TcpStream::connect(site.address).await.unwrap();
    half_a_head.write_all(b"POST /v1/logs HTTP/1.1\r\nHost").await.unwrap();
    let mut half_a_body = TcpStream::connect(site.address).await.unwrap();
    let promise = head("POST", "/v1/logs", &["Content-Type: application/json", "Content-Length: 100"]);
    half_a_body.write_all(promise.as_bytes()).await.unwrap();
    half_a_body.write_all(b"{").await.unwrap();
    assert_eq!(answer(&mut half_a_body).await.status, 408);
    rest(&mut silent).await;
    rest(&mut half_a_head).await;
    assert_eq!(get(site.address, "/healthz", &[]).await.status, 200);
    site.close().await;
}

#[tokio::test]
async fn a_body_without_end_is_refused() {
    let site = Site::with(Disk::Works, |settings| settings.max_body = 1 << 20).await;
    let mut stream = TcpStream::connect(site.address).await.unwrap();
    let promise = head("POST", "/v1/logs", &["Transfer-Encoding: chunked"]);
    stream.write_all(promise.as_bytes()).await.unwrap();
    let chunk = [b"10000\r\n".as_slice(), &[b'x'; 1 << 16], b"\r\n"].concat();
    // Until it is closed.
    let mut sent = 0;
    while sent < 1000 && stream.write_all(&chunk).await.is_ok() {
        sent += 1;
    }
    assert!(sent < 1000);
    assert_eq!(site.counts.otlp.refused.load(Ordering::Relaxed), 1);
    assert_eq!(get(site.address, "/healthz", &[]).await.status, 200);
    site.close().await;
}

#[tokio::test]
async fn connections_and_bytes_in_flight_are_bounded() {
    let site = Site::with(Disk::Works, |settings| {
        settings.max_connections = 2;
        settings.max_in_flight = 1 << 20;
    });
    let site = site.await;
    let mut holder = TcpStream::connect(site.address).await.unwrap();
    let promise = head("POST", "/v1/logs", &["Content-Length: 1000000"]);
    holder.write_all(promise.as_bytes()).await.unwrap();
    holder.write_all(&[0; 900_000]).await.unwrap();
    let held = async {
        while site.counts.bytes_in_flight.load(Ordering::Relaxed) < 900_000 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::site::GUARD, held).await.expect("it is read");
    let busy = post(site.address, "/v1/logs", &[], &vec![0; 400_000]).await;
    assert_eq!((busy.status, busy.head.contains("retry-after")), (503, true));
    let mut second = TcpStream::connect(site.address).await.unwrap();
    second.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut third = TcpStream::connect(site.address).await.unwrap();
    assert_eq!(rest(&mut third).await, b"");
    assert_eq!(site.counts.connections.refused.load(Ordering::Relaxed), 1);
    drop((holder, second));
    // Until they are seen to be gone, there is no room for another.
    let served = async {
        loop {
            let mut next = TcpStream::connect(site.address).await.unwrap();
            next.write_all(head("GET", "/healthz", &[]).as_bytes()).await.ok();
            if !rest(&mut next).await.is_empty() {
                return;
            }
        }
    };
    tokio::time::timeout(crate::site::GUARD, served).await.expect("there is room again");
    site.close().await;
}
