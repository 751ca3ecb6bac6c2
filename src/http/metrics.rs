//! `/metrics` (contract section 5).

use rocket::http::ContentType;
use rocket::{Route, State, get, routes};

use crate::guard::MetricsReader;
use crate::metrics::MEDIA_TYPE;
use crate::service::Service;

pub(super) fn routes() -> Vec<Route> {
    routes![read]
}

/// Returns all metrics in Prometheus' text format.
#[get("/metrics")]
fn read(reader: MetricsReader, service: &State<Service>) -> (ContentType, String) {
    let _ = reader;
    let media_type = ContentType::parse_flexible(MEDIA_TYPE).unwrap_or(ContentType::Plain);
    (media_type, service.metrics().text(&service.sample()))
}
