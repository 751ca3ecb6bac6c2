//! Who comes in, to REST and to the socket alike: token, origin, rate, and the answer to who does not.
//!
//! Guards refuse with a [`ApiError`], which the catchers of [`crate::http`] put into the envelope.

mod api_error;
mod client_ip;
mod local_developer;
mod metrics_reader;
mod origin;
mod rate;
mod request_context;
mod sign_in;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ipnet::IpNet;

use crate::auth::Authenticator;
use crate::service::Service;
use crate::settings::{Mode, Settings};
use crate::user::UserId;

pub use api_error::ApiError;
pub use local_developer::LocalDeveloper;
pub use metrics_reader::MetricsReader;
pub use origin::{Origin, Origins};
pub use request_context::RequestContext;
pub use sign_in::{Caller, SignedIn, SocketSignIn};

use rate::RateLimit;

/// What decides who comes in. Cheap to clone.
#[derive(Clone)]
pub struct Access(Arc<Inner>);

struct Inner {
    authenticator: Authenticator,
    service: Service,
    origins: Origins,
    trusted_proxies: Vec<IpNet>,
    /// Whether a proxy that is not among them has come by, as it seems.
    unnamed_proxy: AtomicBool,
    metrics_allow: Vec<IpNet>,
    mode: Mode,
    requests: RateLimit<UserId>,
    initiations: RateLimit<UserId>,
    auth_failures: RateLimit<IpAddr>,
}

impl Access {
    /// The access that `settings` describe, before `service`.
    #[must_use]
    pub fn new(settings: &Settings, authenticator: Authenticator, service: Service) -> Self {
        let metrics = service.metrics().clone();
        Self(Arc::new(Inner {
            authenticator,
            service,
            origins: Origins::new(settings.allowed_origins.clone()),
            trusted_proxies: settings.trusted_proxies.clone(),
            unnamed_proxy: AtomicBool::new(false),
            metrics_allow: settings.metrics_allow.clone(),
            mode: settings.mode,
            requests: RateLimit::new(settings.request_rate, metrics.limit("request_rate")),
            initiations: RateLimit::new(settings.initiate_rate, metrics.limit("initiate_rate")),
            auth_failures: RateLimit::new(
                settings.auth_failure_rate,
                metrics.limit("auth_failure_rate"),
            ),
        }))
    }

    /// Whether somebody near, outside the `trusted_proxies`, passed a client on, whose address was not believed.
    #[must_use]
    pub fn has_unnamed_proxy(&self) -> bool {
        self.0.unnamed_proxy.load(Ordering::Relaxed)
    }

    /// Which pages of browsers may ask.
    #[must_use]
    pub fn origins(&self) -> &Origins {
        &self.0.origins
    }
}
