//! Where clients have to show a certificate, only those come in whom the authority signed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use culprit_tests::certificates::{Certificates, Signed};
use ingest::ClientTls;
use ingest::http::TlsSettings;
use prost::Message as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::client::{head, rest};
use crate::otlp::{record, request, text};
use crate::site::{Disk, Site};

/// The only name in the server's certificate.
const SERVER: &str = "central.example";

#[tokio::test]
async fn a_client_without_a_certificate_of_the_authority_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Certificates::write(folder.path(), "ours", SERVER, "shipper").unwrap();
    let strangers = Certificates::write(folder.path(), "strangers", SERVER, "shipper").unwrap();
    let Signed { certificate, key } = ours.server.clone();
    let tls = TlsSettings { certificate, key, client_ca: Some(ours.ca.clone()) };
    let site = Site::with(Disk::Works, |settings| settings.tls = Some(tls)).await;
    let check = async |shown: Option<&Signed>, answered: bool| {
        let tls = ClientTls {
            ca_file: Some(ours.ca.clone()),
            certificate_file: shown.map(|shown| shown.certificate.clone()),
            key_file: shown.map(|shown| shown.key.clone()),
            server_name: None,
        };
        for (method, path) in [("POST", "/v1/logs"), ("GET", "/api"), ("GET", "/healthz")] {
            let answer = answer(site.address, &tls, method, path).await;
            assert_eq!(answer.starts_with("HTTP/1.1 200 "), answered, "{path} for {shown:?}: {answer}");
            assert_eq!(answer.is_empty(), !answered, "{path} for {shown:?}: {answer}");
        }
    };
    check(None, false).await;
    check(Some(&strangers.client), false).await;
    // A server's certificate of theirs is no better, and ours is as good as a client's.
    check(Some(&strangers.server), false).await;
    assert_eq!(site.counts.otlp.requests.load(Ordering::Relaxed), 0);
    check(Some(&ours.client), true).await;
    assert_eq!(site.counts.otlp.records.load(Ordering::Relaxed), 1);
    // Nor does anybody come in who does not speak TLS at all.
    let mut plain = TcpStream::connect(site.address).await.unwrap();
    plain.write_all(head("GET", "/healthz", &[]).as_bytes()).await.unwrap();
    let said = rest(&mut plain).await;
    assert!(!said.starts_with(b"HTTP"), "{said:?}");
    site.close().await;
}

/// What a client gets to read until the connection ends.
async fn answer(address: SocketAddr, tls: &ClientTls, method: &str, path: &str) -> String {
    let body = request(&[], vec![record(text("x"))]).encode_to_vec();
    let length = format!("Content-Length: {}", body.len());
    let head = head(method, path, &["Content-Type: application/x-protobuf", &length]);
    let connector = TlsConnector::from(Arc::new(tls.config().unwrap()));
    let stream = TcpStream::connect(address).await.unwrap();
    // The server's verdict on our certificate comes after our side of the handshake.
    let mut stream = connector.connect(SERVER.try_into().unwrap(), stream).await.unwrap();
    stream.write_all(head.as_bytes()).await.ok();
    stream.write_all(&body).await.ok();
    String::from_utf8_lossy(&rest(&mut stream).await).into_owned()
}
