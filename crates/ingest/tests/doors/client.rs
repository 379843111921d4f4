//! The plainest client: what is sent is exactly what stands here.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::site::GUARD;

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Lower case.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

pub(crate) async fn post(address: SocketAddr, path: &str, headers: &[&str], body: &[u8]) -> Answer {
    ask(address, "POST", path, headers, body).await
}

pub(crate) async fn get(address: SocketAddr, path: &str, headers: &[&str]) -> Answer {
    ask(address, "GET", path, headers, b"").await
}

pub(crate) async fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &[u8],
) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = format!("Content-Length: {}", body.len());
    let head = head(method, path, &[headers, &[&length]].concat());
    // A server that refuses does not read the rest.
    stream.write_all(head.as_bytes()).await.ok();
    stream.write_all(body).await.ok();
    answer(&mut stream).await
}

pub(crate) fn head(method: &str, path: &str, headers: &[&str]) -> String {
    let lines = headers.iter().map(|header| format!("{header}\r\n")).collect::<String>();
    format!("{method} {path} HTTP/1.1\r\nHost: doors\r\nConnection: close\r\n{lines}\r\n")
}

/// Reads until the other side closes, which it has to.
pub(crate) async fn answer(stream: &mut TcpStream) -> Answer {
    let bytes = rest(stream).await;
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(&bytes)));
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body: bytes[end + 4..].to_vec() }
}

pub(crate) async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = async {
        let mut part = vec![0; 64 << 10];
        // An error at the end is that of a server that closed before it had read everything.
        while let Ok(length @ 1..) = stream.read(&mut part).await {
            bytes.extend_from_slice(&part[..length]);
        }
    };
    timeout(GUARD, read).await.expect("the connection is closed");
    bytes
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
