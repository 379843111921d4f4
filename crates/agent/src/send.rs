//! Requests to central: one at a time, each again and again until it is acknowledged.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Request, StatusCode};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use prost::Message as _;
use tokio::sync::mpsc;

use crate::connection::{Answered, Connection};
use crate::error::Answer;
use crate::pauses::{Hope, Pauses};
use crate::{Central, SendError, Token};

/// What happened to a request.
#[derive(Debug)]
pub(crate) enum Told {
    /// It is tried again.
    Failed(SendError),
    Acknowledged {
        rejected: Option<SendError>,
    },
}

/// Why a request was not acknowledged.
#[derive(Debug)]
struct Failure {
    error: SendError,
    hope: Hope,
}

/// Ends when nobody asks or listens any more. Bodies are compressed requests; each is followed by no other one until it
/// was told to be acknowledged.
pub(crate) async fn send_all(central: Central, mut bodies: mpsc::Receiver<Bytes>, told: mpsc::Sender<Told>) {
    let mut sender = Sender { pauses: Pauses::new(&central.retry), central, connection: None };
    while let Some(body) = bodies.recv().await {
        loop {
            let outcome = sender.attempt(&body).await;
            let pause = outcome.as_ref().err().map(|failure| sender.pauses.next(failure.hope));
            let news = match outcome {
                Ok(rejected) => Told::Acknowledged { rejected },
                Err(failure) => Told::Failed(failure.error),
            };
            if told.send(news).await.is_err() {
                return;
            }
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => break,
            }
        }
        sender.pauses.reset();
    }
}

struct Sender {
    central: Central,
    connection: Option<Connection>,
    pauses: Pauses,
}

impl Sender {
    /// What was rejected of a request that was taken.
    async fn attempt(&mut self, body: &Bytes) -> Result<Option<SendError>, Failure> {
        let request = self.request(body)?;
        let open = self.connection.take().filter(Connection::is_open);
        let mut connection = match open {
            Some(connection) => connection,
            None => Connection::open(&self.central).await?,
        };
        let url = &self.central.url;
        let asking =
            tokio::time::timeout(self.central.patience, connection.ask(request, &self.central)).await;
        let silent = |_| SendError::Silent { url: url.to_string(), seconds: self.central.patience.as_secs() };
        let answered = asking.map_err(silent)??;
        self.connection = Some(connection);
        self.judge(&answered)
    }

    fn request(&self, body: &Bytes) -> Result<Request<Full<Bytes>>, SendError> {
        let url = &self.central.url;
        let mut request = Request::post(&url.path)
            .header(header::HOST, &url.authority)
            .header(header::USER_AGENT, concat!("culprit/", env!("CARGO_PKG_VERSION")))
            .header(header::CONTENT_TYPE, "application/x-protobuf")
            .header(header::CONTENT_ENCODING, "gzip");
        if let Some(authorization) = authorization(&self.central.token)? {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        Ok(request.body(Full::new(body.clone())).expect("the URL was parsed, and headers are ready"))
    }

    fn judge(&self, answered: &Answered) -> Result<Option<SendError>, Failure> {
        let status = answered.status;
        let url = || self.central.url.to_string();
        if status.is_success() {
            let partial = ExportLogsServiceResponse::decode(&answered.body[..]).ok();
            let partial = partial.and_then(|response| response.partial_success);
            let partial = partial.map(|partial| (partial.rejected_log_records, partial.error_message));
            return Ok(partial.and_then(|(rejected, message)| {
                let lines = u64::try_from(rejected).ok().filter(|lines| *lines > 0)?;
                Some(SendError::Rejected { url: url(), lines, answer: Answer::new(message.as_bytes()) })
            }));
        }
        let (advice, is_passing) = advice(status);
        let told = answered.retry_after.filter(|_| is_passing).map(Duration::from_secs);
        let hope = told.map_or(if is_passing { Hope::Soon } else { Hope::Later }, Hope::After);
        let answer = Answer::new(&answered.body);
        Err(Failure {
            error: SendError::Refused { url: url(), status: status.as_u16(), advice, answer },
            hope,
        })
    }
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        let passes = matches!(
            error,
            SendError::Unreachable { .. } | SendError::Lost { .. } | SendError::Silent { .. }
        );
        Self { error, hope: if passes { Hope::Soon } else { Hope::Later } }
    }
}

/// What to do about it, and whether it may pass by itself.
const fn advice(status: StatusCode) -> (&'static str, bool) {
    match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            ("it has no room now, the lines are sent again", true)
        }
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
            ("what stands before it does not reach it, the lines are sent again", true)
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (
            "it does not know us, nothing is lost but nothing goes on: check the token and the client certificate",
            false,
        ),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
            ("there is no door for logs, nothing is lost but nothing goes on: check the URL", false)
        }
        StatusCode::PAYLOAD_TOO_LARGE => (
            "it wants smaller requests, nothing is lost but nothing goes on: raise its limit, or lower ours for a request",
            false,
        ),
        _ => ("nothing is lost but nothing goes on: see its log, and whether it is the right server", false),
    }
}

fn authorization(token: &Token) -> Result<Option<HeaderValue>, SendError> {
    let (token, path) = match token {
        Token::None => return Ok(None),
        Token::Given(token) => (token.clone(), Path::new("the settings")),
        Token::File(path) => (read_token(path)?, path.as_path()),
    };
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.trim()))
        .map_err(|source| SendError::TokenFile { path: path.to_owned(), source: io::Error::other(source) })?;
    value.set_sensitive(true);
    Ok(Some(value))
}

fn read_token(path: &Path) -> Result<String, SendError> {
    fs::read_to_string(path).map_err(|source| SendError::TokenFile { path: path.to_owned(), source })
}
