//! A server that accounts for every line, as central does: what comes again is dropped, and a gap is an error.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use flate2::read::GzDecoder;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs};
use prost::Message as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::GUARD;

/// What a server does with one request.
#[derive(Clone, Debug)]
pub(crate) enum Mood {
    /// Takes nothing, and says so.
    Refuse(u16, Option<&'static str>),
    /// Takes the lines and says something else.
    TakeAndRefuse(u16),
    /// Takes the lines, and the connection ends in the middle of the answer.
    TakeAndBreakOff,
    /// The connection ends in the middle of the request.
    BreakOff,
    /// Takes the lines and never answers.
    TakeAndHang,
    /// Takes the request but for so many lines.
    Reject(i64),
}

/// What came of a text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    pub(crate) resource: BTreeMap<String, String>,
    pub(crate) lines: Vec<String>,
    /// Of the lines.
    pub(crate) numbers: Vec<u64>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    /// In the order in which they came.
    pub(crate) names: Vec<u128>,
    pub(crate) texts: BTreeMap<u128, Text>,
    pub(crate) requests: usize,
    /// Lines that were dropped because they had come before.
    pub(crate) again: usize,
    pub(crate) problems: Vec<String>,
}

/// Stays the same while its server comes and goes.
pub(crate) struct Central {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinSet<()>,
}

#[derive(Default)]
struct Shared {
    account: watch::Sender<Account>,
    moods: Mutex<VecDeque<Mood>>,
    token: Mutex<Option<String>>,
    tls: Option<TlsAcceptor>,
}

impl Central {
    /// Nobody listens yet.
    pub(crate) async fn gone(tls: Option<TlsAcceptor>) -> Self {
        let address = TcpListener::bind((own_address(), 0)).await.unwrap().local_addr().unwrap();
        let shared = Arc::new(Shared { tls, ..Shared::default() });
        Self { address, shared, serving: JoinSet::new() }
    }

    pub(crate) async fn start() -> Self {
        let mut central = Self::gone(None).await;
        central.come().await;
        central
    }

    pub(crate) async fn come(&mut self) {
        let listener = tokio::time::timeout(GUARD, listen(self.address)).await.expect("the port is free");
        let shared = Arc::clone(&self.shared);
        self.serving.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                connections.spawn(serve(tcp, Arc::clone(&shared)));
            }
        });
    }

    /// With all connections.
    pub(crate) async fn go(&mut self) {
        self.serving.shutdown().await;
    }

    pub(crate) fn want_token(&self, token: &str) {
        *self.shared.token.lock().unwrap() = Some(token.to_owned());
    }

    pub(crate) fn be(&self, moods: &[Mood]) {
        self.shared.moods.lock().unwrap().extend(moods.iter().cloned());
    }

    pub(crate) fn moods_left(&self) -> usize {
        self.shared.moods.lock().unwrap().len()
    }

    pub(crate) fn account(&self) -> Account {
        self.shared.account.borrow().clone()
    }

    pub(crate) async fn wait(&self, enough: impl FnMut(&Account) -> bool) -> Account {
        let mut account = self.shared.account.subscribe();
        let waiting = tokio::time::timeout(GUARD, account.wait_for(enough)).await;
        let Ok(account) = waiting else { panic!("it never came: {:?}", self.account()) };
        account.unwrap().clone()
    }
}

/// The last connections may still be on their way out.
async fn listen(address: SocketAddr) -> TcpListener {
    loop {
        match TcpListener::bind(address).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => tokio::task::yield_now().await,
            other => return other.unwrap(),
        }
    }
}

/// A server that comes back finds its port free: nobody else has this address.
fn own_address() -> IpAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [low, high, ..] = std::process::id().to_le_bytes();
    IpAddr::from([127, high.max(1), low, NEXT.fetch_add(1, Ordering::Relaxed)])
}

impl Account {
    pub(crate) fn count(&self) -> usize {
        self.texts.values().map(|text| text.lines.len()).sum()
    }

    fn take(&mut self, request: ExportLogsServiceRequest) {
        self.requests += 1;
        for logs in request.resource_logs {
            self.take_text(&logs);
        }
    }

    fn take_text(&mut self, logs: &ResourceLogs) {
        let resource = strings(&logs.resource.as_ref().unwrap().attributes);
        for record in logs.scope_logs.iter().flat_map(|scope| &scope.log_records) {
            let uid = strings(&record.attributes)["log.record.uid"].clone();
            let (name, sequence) = uid.split_once('-').unwrap();
            let name = u128::from_str_radix(name, 16).unwrap();
            let sequence = usize::from_str_radix(sequence, 16).unwrap();
            let text = self.texts.entry(name).or_default();
            if text.resource.is_empty() {
                self.names.push(name);
                text.resource.clone_from(&resource);
            }
            if sequence < text.lines.len() {
                self.again += 1;
                continue;
            }
            if sequence > text.lines.len() {
                self.problems.push(format!("{name:x}: {} is followed by {sequence}", text.lines.len()));
            }
            text.lines.push(body(record));
            text.numbers.push(number(record));
        }
    }
}

fn strings(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let string = |one: &KeyValue| match one.value.as_ref()?.value.as_ref()? {
        Value::StringValue(value) => Some((one.key.clone(), value.clone())),
        _ => None,
    };
    attributes.iter().filter_map(string).collect()
}

fn body(record: &LogRecord) -> String {
    match record.body.as_ref().unwrap().value.as_ref().unwrap() {
        Value::StringValue(text) => text.clone(),
        other => panic!("{other:?}"),
    }
}

fn number(record: &LogRecord) -> u64 {
    let number = record.attributes.iter().find(|one| one.key == "culprit.line.number").unwrap();
    match number.value.as_ref().unwrap().value.as_ref().unwrap() {
        Value::IntValue(number) => u64::try_from(*number).unwrap(),
        other => panic!("{other:?}"),
    }
}

async fn serve(tcp: TcpStream, shared: Arc<Shared>) {
    let tls = shared.tls.clone();
    let service = service_fn(move |request| answer(request, Arc::clone(&shared)));
    let http = hyper::server::conn::http1::Builder::new();
    // A connection that ends early is what some of these tests are about.
    match tls {
        None => http.serve_connection(TokioIo::new(tcp), service).await.ok(),
        Some(tls) => match tls.accept(tcp).await {
            Ok(encrypted) => http.serve_connection(TokioIo::new(encrypted), service).await.ok(),
            Err(_) => None,
        },
    };
}

async fn answer(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Response<Answer>, io::Error> {
    let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
    let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!((request.method().as_str(), request.uri().path()), ("POST", "/v1/logs"));
    assert_eq!(header("content-type").as_deref(), Some("application/x-protobuf"));
    assert_eq!(header("content-encoding").as_deref(), Some("gzip"));
    let wanted = shared.token.lock().unwrap().as_ref().map(|token| format!("Bearer {token}"));
    if wanted.is_some() && header("authorization") != wanted {
        return Ok(status(401, None));
    }
    let mood = shared.moods.lock().unwrap().pop_front();
    if matches!(mood, Some(Mood::BreakOff)) {
        return Err(broken());
    }
    let body = request.into_body().collect().await.map_err(|_| broken())?.to_bytes();
    if let Some(Mood::Refuse(code, retry_after)) = mood {
        return Ok(status(code, retry_after));
    }
    let mut plain = Vec::new();
    GzDecoder::new(&body[..]).read_to_end(&mut plain).unwrap();
    let request = ExportLogsServiceRequest::decode(&plain[..]).unwrap();
    shared.account.send_modify(|account| account.take(request));
    match mood {
        Some(Mood::TakeAndRefuse(code)) => Ok(status(code, None)),
        Some(Mood::TakeAndBreakOff) => Ok(Response::new(Answer::Broken(false))),
        Some(Mood::TakeAndHang) => std::future::pending().await,
        Some(Mood::Reject(lines)) => {
            let partial = ExportLogsPartialSuccess {
                rejected_log_records: lines,
                error_message: "no\x1b[31m room".to_owned(),
            };
            let response = ExportLogsServiceResponse { partial_success: Some(partial) };
            Ok(Response::new(Answer::Whole(Some(response.encode_to_vec().into()))))
        }
        _ => Ok(Response::new(Answer::Whole(None))),
    }
}

fn status(code: u16, retry_after: Option<&str>) -> Response<Answer> {
    let mut response = Response::new(Answer::Whole(Some(Bytes::from_static(b"not now"))));
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    if let Some(retry_after) = retry_after {
        response.headers_mut().insert("retry-after", retry_after.parse().unwrap());
    }
    response
}

enum Answer {
    Whole(Option<Bytes>),
    /// Something was said, and then the connection ends.
    Broken(bool),
}

impl Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(match &mut *self {
            Self::Whole(bytes) => bytes.take().map(|bytes| Ok(Frame::data(bytes))),
            Self::Broken(said @ false) => {
                *said = true;
                Some(Ok(Frame::data(Bytes::from_static(b"\n"))))
            }
            Self::Broken(true) => Some(Err(io::ErrorKind::BrokenPipe.into())),
        })
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Broken(_) => SizeHint::with_exact(100),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }
}

/// Short enough for tests.
pub(crate) const SOON: Duration = Duration::from_millis(10);
