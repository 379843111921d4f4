//! What a running Culprit answers over HTTP.
//!
//! [`open`] is for everybody who can connect: `/healthz` and `/readyz`. [`guarded`] is for those who know the token:
//! `/metrics`, in the words of Prometheus ([`metrics`]).

mod health;
mod metrics;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use pipeline::Status;
use tokio::sync::watch;

pub use metrics::metrics;

type Receiver = watch::Receiver<Arc<Status>>;

/// Whether it lives, and whether it takes lines.
pub fn open(status: Receiver) -> Router {
    Router::new()
        .route("/healthz", get(async |State(status): State<Receiver>| health::alive(&status.borrow())))
        .route("/readyz", get(async |State(status): State<Receiver>| health::ready(&status.borrow())))
        .with_state(status)
}

/// How it goes.
pub fn guarded(status: Receiver) -> Router {
    Router::new().route("/metrics", get(show_metrics)).with_state(status)
}

async fn show_metrics(State(status): State<Receiver>) -> Response {
    let status = Arc::clone(&status.borrow());
    let text = metrics(status);
    ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response()
}
