//! How a sender shows that it knows the shared key, without sending it.

use ring::digest::{SHA512, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use subtle::ConstantTimeEq as _;

use super::message::text;
use super::msgpack::{self, Token, write_text};

/// What we call ourselves.
const NAME: &[u8] = b"culprit";

pub(super) type Nonce = [u8; 16];

/// `None` when the system has no random numbers.
pub(super) fn nonce() -> Option<Nonce> {
    let mut nonce = Nonce::default();
    SystemRandom::new().fill(&mut nonce).ok()?;
    Some(nonce)
}

/// `["HELO", {"nonce": …, "auth": "", "keepalive": true}]`
pub(super) fn helo(nonce: &Nonce) -> Vec<u8> {
    let mut message = vec![0x92];
    write_text(b"HELO", &mut message);
    message.push(0x83);
    write_text(b"nonce", &mut message);
    message.extend([0xc4, 16]);
    message.extend(nonce);
    write_text(b"auth", &mut message);
    write_text(b"", &mut message);
    write_text(b"keepalive", &mut message);
    message.push(0xc3);
    message
}

/// `["PONG", whether, why not, our name, digest]`, and whether the sender is believed.
pub(super) fn pong(ping: &[u8], nonce: &Nonce, key: &str) -> (Vec<u8>, bool) {
    let told = read_ping(ping);
    let admitted = told.as_ref().is_some_and(|ping| {
        let expected = proof(ping.salt, ping.hostname, nonce, key);
        expected.as_bytes().ct_eq(ping.digest).into()
    });
    let why = if admitted { &b""[..] } else { b"shared_key mismatch" };
    let ours = told.filter(|_| admitted).map(|ping| proof(ping.salt, NAME, nonce, key)).unwrap_or_default();
    let mut message = vec![0x95];
    write_text(b"PONG", &mut message);
    message.push(if admitted { 0xc3 } else { 0xc2 });
    for text in [why, NAME, ours.as_bytes()] {
        write_text(text, &mut message);
    }
    (message, admitted)
}

struct Ping<'a> {
    hostname: &'a [u8],
    salt: &'a [u8],
    digest: &'a [u8],
}

/// `["PING", hostname, salt, digest, user, password]`
fn read_ping(message: &[u8]) -> Option<Ping<'_>> {
    let (Token::List(4..), rest) = msgpack::token(message).ok()? else { return None };
    let (kind, rest) = text(rest).ok()?;
    let (hostname, rest) = text(rest).ok()?;
    let (salt, rest) = text(rest).ok()?;
    let (digest, _) = text(rest).ok()?;
    (kind == b"PING").then_some(Ping { hostname, salt, digest })
}

/// In hex.
fn proof(salt: &[u8], hostname: &[u8], nonce: &Nonce, key: &str) -> String {
    let digest = digest(&SHA512, &[salt, hostname, nonce, key.as_bytes()].concat());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
