//! Request guards of REST and of the socket's handshake: authentication, allowed origins, rate limits, access to
//! metrics. A guard rejects a request with an [`ApiError`], which the catchers of [`crate::http`] send.

mod api_error;
mod backend;
mod client_ip;
mod local_developer;
mod lookup;
mod metrics_reader;
mod origin;
mod rate;
mod request_context;
mod sign_in;

use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ipnet::IpNet;

use crate::auth::Authenticator;
use crate::metrics::{Counter, Metrics};
use crate::reloadable::Reloadable;
use crate::service::Service;
use crate::settings::{Mode, Rate, Settings};
use crate::user::{SessionId, UserId};

pub use api_error::ApiError;
pub use backend::{Backend, idempotency_key};
pub use local_developer::LocalDeveloper;
pub use lookup::Lookup;
pub use metrics_reader::MetricsReader;
pub use origin::Origin;
pub use request_context::RequestContext;
pub use sign_in::{Caller, SESSION_HEADER, SignInError, SignedIn, SocketSignIn, session_header};

use origin::Origins;
use rate::{LookupLimit, RateLimit, RejectionLog};

/// State of the guards. Cheap to clone.
#[derive(Clone)]
pub struct Access(Arc<Inner>);

struct Inner {
    service: Service,
    /// Whether a request seems to have been forwarded by a proxy that is not in `trusted_proxies`.
    unnamed_proxy: AtomicBool,
    rejection_log: RejectionLog,
    policy: Reloadable<Policy>,
}

/// Access policy of the settings.
struct Policy {
    authenticator: Authenticator,
    origins: Origins,
    trusted_proxies: Vec<IpNet>,
    metrics_allow: Vec<IpNet>,
    server_api_allow: Vec<IpNet>,
    /// Whether `server_api_allow` has every network, so that a proxy may hide the clients.
    allows_backend_everywhere: bool,
    mode: Mode,
    requests: Arc<RateLimit<UserId>>,
    initiations: Arc<RateLimit<UserId>>,
    messages: Arc<RateLimit<UserId>>,
    app_messages: Arc<RateLimit<(UserId, SessionId)>>,
    connects: Arc<RateLimit<UserId>>,
    connects_of_address: Arc<RateLimit<IpAddr>>,
    lookups: Arc<LookupLimit>,
    auth_failures: Arc<RateLimit<IpAddr>>,
    backends: Arc<RateLimit<i64>>,
}

impl Policy {
    /// Makes the policy of `settings`. Rate limits that stay as in `before` keep their counts.
    fn new(
        settings: &Settings,
        authenticator: Authenticator,
        metrics: &Metrics,
        before: Option<&Self>,
    ) -> Self {
        fn limit<K: Hash + Eq + Clone>(
            before: Option<&Arc<RateLimit<K>>>,
            rate: Option<Rate>,
            hits: Counter,
        ) -> Arc<RateLimit<K>> {
            let same = before.filter(|limit| limit.rate() == rate);
            same.map_or_else(|| Arc::new(RateLimit::new(rate, hits)), Arc::clone)
        }
        Self {
            authenticator,
            origins: Origins::new(settings.allowed_origins.clone()),
            trusted_proxies: settings.trusted_proxies.clone(),
            metrics_allow: settings.metrics_allow.clone(),
            server_api_allow: settings.server_api_allow.clone(),
            allows_backend_everywhere: settings.allows_backend_everywhere(),
            backends: limit(
                before.map(|policy| &policy.backends),
                settings.server_api_rate,
                metrics.limit("server_api_rate"),
            ),
            mode: settings.mode,
            requests: limit(
                before.map(|policy| &policy.requests),
                settings.request_rate,
                metrics.limit("request_rate"),
            ),
            initiations: limit(
                before.map(|policy| &policy.initiations),
                settings.initiate_rate,
                metrics.limit("initiate_rate"),
            ),
            messages: limit(
                before.map(|policy| &policy.messages),
                settings.message_rate,
                metrics.limit("message_rate"),
            ),
            app_messages: limit(
                before.map(|policy| &policy.app_messages),
                settings.app_message_rate,
                metrics.limit("app_message_rate"),
            ),
            connects: limit(
                before.map(|policy| &policy.connects),
                settings.connect_rate,
                metrics.limit("connect_rate"),
            ),
            connects_of_address: limit(
                before.map(|policy| &policy.connects_of_address),
                settings.connect_rate_per_address,
                metrics.limit("connect_rate_per_address"),
            ),
            lookups: before
                .map(|policy| &policy.lookups)
                .filter(|lookups| lookups.rate() == settings.initiate_rate)
                .map_or_else(
                    || {
                        let hits = metrics.limit("initiate_rate");
                        Arc::new(LookupLimit::new(settings.initiate_rate, hits))
                    },
                    Arc::clone,
                ),
            auth_failures: limit(
                before.map(|policy| &policy.auth_failures),
                settings.auth_failure_rate,
                metrics.limit("auth_failure_rate"),
            ),
        }
    }
}

impl Access {
    /// Returns the guards' state for `settings`, in front of `service`.
    #[must_use]
    pub fn new(settings: &Settings, authenticator: Authenticator, service: Service) -> Self {
        let policy = Policy::new(settings, authenticator, service.metrics(), None);
        Self(Arc::new(Inner {
            service,
            unnamed_proxy: AtomicBool::new(false),
            rejection_log: RejectionLog::default(),
            policy: Reloadable::new(policy),
        }))
    }

    /// Puts the keys, origins, proxies and rates of `settings` in force.
    pub fn reload(&self, settings: &Settings, authenticator: Authenticator) {
        let metrics = self.0.service.metrics();
        let policy = Policy::new(settings, authenticator, metrics, Some(&self.policy()));
        self.0.policy.replace(policy);
    }

    /// Loads the keys of the identity provider, if there is one, and keeps them current. Waits 10 s at most.
    pub async fn load_keys(&self) {
        let authenticator = self.policy().authenticator.clone();
        authenticator.start(self.0.service.metrics()).await;
    }

    /// Returns the authenticator that is in force.
    #[must_use]
    pub fn authenticator(&self) -> Authenticator {
        self.policy().authenticator.clone()
    }

    fn service(&self) -> &Service {
        &self.0.service
    }

    fn policy(&self) -> Arc<Policy> {
        self.0.policy.get()
    }

    /// Counts a signal or quality report that `user` sends over a socket.
    ///
    /// # Errors
    /// The time until the next is allowed.
    pub fn check_message(&self, user: &UserId) -> Result<(), Duration> {
        self.policy().messages.check(user)
    }

    /// Counts a message that `session` of `user` sends to the team's backend.
    ///
    /// # Errors
    /// The time until the next is allowed.
    pub fn check_app_message(&self, user: &UserId, session: &SessionId) -> Result<(), Duration> {
        let key = (user.clone(), session.clone());
        self.policy().app_messages.check(&key)
    }

    /// Whether a proxy on a private network, outside `trusted_proxies`, forwarded a request: its clients share one
    /// address.
    #[must_use]
    pub fn has_unnamed_proxy(&self) -> bool {
        self.0.unnamed_proxy.load(Ordering::Relaxed)
    }

    /// Logs that a connection was refused because the server has no free one, at most once a minute.
    pub fn log_full_server(&self) {
        if self.0.rejection_log.allows_full_server() {
            tracing::warn!("connections refused: max_connections reached, or stopping");
        }
    }

    /// Whether web pages of `origin` may send requests to a server that they address as `host`.
    #[must_use]
    pub fn allows_origin(&self, origin: &str, host: Option<&str>) -> bool {
        self.policy().origins.allow(origin, host)
    }
}
