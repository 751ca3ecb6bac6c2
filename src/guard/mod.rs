//! Request guards of REST and of the socket's handshake: authentication, allowed origins, rate limits, access to
//! metrics. A guard rejects a request with an [`ApiError`], which the catchers of [`crate::http`] send.

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
pub use sign_in::{Caller, SignInError, SignedIn, SocketSignIn};

use rate::{RateLimit, RejectionLog};

/// State of the guards. Cheap to clone.
#[derive(Clone)]
pub struct Access(Arc<Inner>);

struct Inner {
    authenticator: Authenticator,
    service: Service,
    origins: Origins,
    trusted_proxies: Vec<IpNet>,
    /// Whether a request seems to have come through a proxy that is not among them.
    unnamed_proxy: AtomicBool,
    metrics_allow: Vec<IpNet>,
    mode: Mode,
    requests: RateLimit<UserId>,
    initiations: RateLimit<UserId>,
    auth_failures: RateLimit<IpAddr>,
    rejection_log: RejectionLog,
}

impl Access {
    /// Returns the guards' state for `settings`, in front of `service`.
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
            rejection_log: RejectionLog::default(),
        }))
    }

    /// Whether a proxy on a private network, outside `trusted_proxies`, forwarded a request: its clients share one
    /// address.
    #[must_use]
    pub fn has_unnamed_proxy(&self) -> bool {
        self.0.unnamed_proxy.load(Ordering::Relaxed)
    }

    /// Returns the origins whose web pages may send requests.
    #[must_use]
    pub fn origins(&self) -> &Origins {
        &self.0.origins
    }
}
