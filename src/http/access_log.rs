//! Access log: one line per request, with its route and never its URI, which may contain a token. Also measures the
//! time of requests for the metrics.

use std::time::{Duration, Instant};

use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::Header;
use rocket::{Data, Request, Response};

use crate::call::CallId;
use crate::guard::RequestContext;
use crate::logging::RepeatedLines;
use crate::metrics::{Answered, Metrics};

/// Access log. It also gives every response an `X-Request-Id`: the client's own, or a new one.
pub(super) struct AccessLog {
    metrics: Metrics,
    rejected: RepeatedLines<(u16, String)>,
}

impl AccessLog {
    pub fn new(metrics: Metrics) -> Self {
        Self {
            metrics,
            rejected: RepeatedLines::default(),
        }
    }

    /// Whether to write the line of a request. Rejections cost their sender very little, so only the first ones of a
    /// minute are written; the others are summed up.
    fn writes(&self, answered: &Answered<'_>) -> bool {
        let now = Instant::now();
        if self.rejected.has_omitted() {
            for ((status, route), requests) in self.rejected.take_sums(now) {
                tracing::info!(requests, status, route, "more rejected requests");
            }
        }
        let is_rejected = matches!(answered.status, 401 | 403 | 429 | 503);
        !is_rejected
            || self
                .rejected
                .count((answered.status, answered.route.to_owned()), now)
    }
}

#[rocket::async_trait]
impl Fairing for AccessLog {
    fn info(&self) -> Info {
        Info {
            name: "Access log",
            kind: Kind::Request | Kind::Response,
        }
    }

    async fn on_request(&self, request: &mut Request<'_>, _: &mut Data<'_>) {
        RequestContext::of(request);
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        let request_context = RequestContext::of(request);
        let took = request_context.at.elapsed();
        let answered = Answered {
            method: request.method().as_str(),
            route: request.route().map_or("-", |route| route.uri.as_str()),
            status: response.status().code,
        };
        self.metrics.answered(answered, took);
        let call = request_context
            .call()
            .or_else(|| call_in(request.uri().path().as_str(), answered.route));
        if self.writes(&answered) {
            tracing::info!(
                method = answered.method,
                route = answered.route,
                status = answered.status,
                outcome = request_context.outcome(response.status()),
                duration_us = micros(took),
                request_id = &*request_context.request_id,
                user = request_context.user().map(display),
                api_key = request_context.api_key(),
                call = call.map(display),
                "request"
            );
        }
        response.set_header(Header::new(
            "X-Request-Id",
            request_context.request_id.to_string(),
        ));
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Returns the call whose id is in `path` at the place of `<id>` in the template `route`. Any other text there is the
/// client's invention, and must not get into the log.
fn call_in(path: &str, route: &str) -> Option<CallId> {
    let place = route.split('/').position(|segment| segment == "<id>")?;
    path.split('/').nth(place).and_then(CallId::parse)
}
