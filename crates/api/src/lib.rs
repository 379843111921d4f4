//! What a running Culprit answers over HTTP.
//!
//! [`open`] is for everybody who can connect: `/healthz` and `/readyz`. [`guarded`] is for those who know the token:
//! `/metrics`, in the words of Prometheus ([`metrics`]).

mod health;
mod metrics;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use pipeline::Status;
use tokio::sync::watch::Receiver;

pub use metrics::metrics;

/// Whether it lives, and whether it takes lines.
pub fn open(status: Receiver<Status>) -> Router {
    Router::new()
        .route(
            "/healthz",
            get(async |State(status): State<Receiver<Status>>| health::alive(&status.borrow())),
        )
        .route("/readyz", get(async |State(status): State<Receiver<Status>>| health::ready(&status.borrow())))
        .with_state(status)
}

/// How it goes.
pub fn guarded(status: Receiver<Status>) -> Router {
    Router::new().route("/metrics", get(show_metrics)).with_state(status)
}

async fn show_metrics(State(status): State<Receiver<Status>>) -> Response {
    let text = metrics(&status.borrow());
    ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response()
}
