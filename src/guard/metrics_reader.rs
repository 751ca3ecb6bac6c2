//! Guard of `/metrics`: addresses that may read the metrics.

use rocket::http::{HeaderMap, Status};
use rocket::request::{FromRequest, Outcome, Request};

use crate::wire::ErrorType;

use super::client_ip::{client_address, is_listed};
use super::{Access, ApiError};

/// Client with an address of the setting `metrics_allow`.
pub struct MetricsReader(());

#[rocket::async_trait]
impl<'r> FromRequest<'r> for MetricsReader {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let Some(access) = request.rocket().state::<Access>() else {
            return Outcome::Error((Status::InternalServerError, ()));
        };
        let policy = access.policy();
        let client = client_address(request, &policy.trusted_proxies);
        let is_peer = request.remote().map(|peer| peer.ip().to_canonical()) == Some(client);
        let vouched_for = !is_peer || !is_forwarded(request.headers());
        if vouched_for && is_listed(client, &policy.metrics_allow) {
            return Outcome::Success(Self(()));
        }
        ApiError::from(ErrorType::AddressNotAllowed).refuse(request)
    }
}

/// Whether a proxy forwarded the request. A proxy on this machine that is not in `trusted_proxies` would otherwise make
/// every client local.
pub(super) fn is_forwarded(headers: &HeaderMap<'_>) -> bool {
    ["Forwarded", "X-Forwarded-For", "X-Real-IP"]
        .iter()
        .any(|name| headers.contains(name))
}
