use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use crate::budget::NoRoom;
use crate::inlet::Undelivered;
use crate::shipped::NoMoreLines;

/// Seconds.
const RETRY_AFTER: &str = "2";

/// Why a request is not taken. Each door says it in its protocol's words.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("{0}")]
    Malformed(String),
    #[error("the content type `{0}` is not spoken here")]
    ContentType(String),
    #[error("the content encoding `{0}` is not spoken here")]
    Encoding(String),
    #[error("the body is longer than {limit} bytes; send smaller batches")]
    TooLong { limit: usize },
    #[error("the body holds more than {limit} bytes; send smaller batches")]
    TooMuch { limit: usize },
    #[error("the body holds more than {limit} records; send smaller batches")]
    TooMany { limit: usize },
    #[error("the body did not come in time")]
    Slow,
    #[error("the connection ended before the body did")]
    Ended,
    #[error("too much is being taken at this time; try again")]
    Busy,
    #[error("what was sent could not be stored in time; send it again")]
    Undelivered,
    #[error("this is a defect, report it: {0}")]
    Defect(String),
}

impl Refusal {
    pub(super) const fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) | Self::Ended => StatusCode::BAD_REQUEST,
            Self::ContentType(_) | Self::Encoding(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLong { .. } | Self::TooMuch { .. } | Self::TooMany { .. } => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Busy | Self::Undelivered => StatusCode::SERVICE_UNAVAILABLE,
            Self::Defect(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What the headers of its answer say, in whatever protocol.
    pub(super) fn dress(&self, mut answer: Response) -> Response {
        let headers = answer.headers_mut();
        if self.passes() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
        }
        if self.leaves_a_rest() {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }

    /// Whether the same request may be taken later.
    const fn passes(&self) -> bool {
        matches!(self, Self::Busy | Self::Undelivered)
    }

    /// Whether the rest of the body is still to come: the connection is of no use any more.
    const fn leaves_a_rest(&self) -> bool {
        matches!(
            self,
            Self::ContentType(_)
                | Self::Encoding(_)
                | Self::TooLong { .. }
                | Self::Slow
                | Self::Ended
                | Self::Busy
        )
    }
}

impl From<Undelivered> for Refusal {
    fn from(_: Undelivered) -> Self {
        Self::Undelivered
    }
}

impl From<NoRoom> for Refusal {
    fn from(NoRoom: NoRoom) -> Self {
        Self::Busy
    }
}

impl From<NoMoreLines> for Refusal {
    fn from(NoMoreLines { limit }: NoMoreLines) -> Self {
        Self::TooMuch { limit }
    }
}
