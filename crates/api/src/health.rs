//! For whoever restarts programs and directs clients.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use pipeline::Status;
use serde_json::{Value, json};

/// It answers, so it lives. What goes wrong meanwhile is no reason to restart it.
pub(crate) fn alive(status: &Status) -> Response {
    answer(StatusCode::OK, &json!({ "status": "alive", "uptime_seconds": status.at.as_secs() }))
}

/// Whether lines are taken.
pub(crate) fn ready(status: &Status) -> Response {
    let waits = status.agent.as_ref().is_some_and(|agent| agent.waiting);
    let (code, word) = match () {
        () if status.stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
        () if !status.ready => (StatusCode::SERVICE_UNAVAILABLE, "starting"),
        () if waits => (StatusCode::SERVICE_UNAVAILABLE, "waiting for room on the disk"),
        () => (StatusCode::OK, "ready"),
    };
    answer(code, &json!({ "status": word, "troubles": status.troubles }))
}

fn answer(code: StatusCode, body: &Value) -> Response {
    (code, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ready_when_it_takes_lines() {
        let check =
            |status: Status, code: u16| assert_eq!(ready(&status).status().as_u16(), code, "{status:?}");
        check(Status::default(), 503);
        check(Status { ready: true, ..Status::default() }, 200);
        check(Status { ready: true, stopping: true, ..Status::default() }, 503);
        assert_eq!(alive(&Status::default()).status().as_u16(), 200);
    }
}
