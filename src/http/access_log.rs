//! One line a request: what was asked by its route, never by its URI, which may hold a token.

use std::time::Instant;

use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::Header;
use rocket::{Data, Request, Response};

use crate::gate::user_of;

/// Writes the line, and gives every answer an `X-Request-Id`: the client's own, or a new one.
pub(super) struct AccessLog;

/// What is known of a request when it comes.
struct Arrival {
    at: Instant,
    request_id: String,
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
        request.local_cache(|| arrival(request));
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        let arrival: &Arrival = request.local_cache(|| arrival(request));
        let route = request.route().map(|route| route.uri.as_str());
        tracing::info!(
            method = %request.method(),
            route = route.unwrap_or("-"),
            status = response.status().code,
            micros = u64::try_from(arrival.at.elapsed().as_micros()).unwrap_or(u64::MAX),
            request_id = arrival.request_id,
            user = user_of(request).map(tracing::field::display),
            "request"
        );
        response.set_header(Header::new("X-Request-Id", arrival.request_id.clone()));
    }
}

fn arrival(request: &Request<'_>) -> Arrival {
    let sent = request
        .headers()
        .get_one("X-Request-Id")
        .filter(|id| is_request_id(id));
    let made = || uuid::Uuid::new_v4().simple().to_string();
    Arrival {
        at: Instant::now(),
        request_id: sent.map_or_else(made, str::to_owned),
    }
}

/// Short, and of characters that no log or header takes for anything else.
fn is_request_id(text: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(valid)
}
