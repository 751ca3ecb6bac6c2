//! HTTP client for endpoints, which connects only to addresses that are allowed.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client as HttpClient, RequestBuilder, Response, Url};
use tokio::net::lookup_host;

use crate::settings::{ProxyRules, Settings};
use crate::{http_client, regular_file, tls_client};

use super::WebhookError;
use super::address::is_public;
use super::sender::{content, unreadable};

/// Time for which a connection is kept for the next message: less than servers keep theirs.
const KEPT_FOR: Duration = Duration::from_secs(4);

/// Time limit for the response to a probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// Reason for which an endpoint gets no messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointError {
    /// The server does not send there.
    Refused(String),
    /// Nothing responds there now.
    Unreachable(String),
}

/// Client for all endpoints.
pub(super) struct Client {
    http: HttpClient,
    allow_private: bool,
    proxy: ProxyRules,
}

impl Client {
    /// Makes the client that `settings` describe.
    pub fn from_settings(settings: &Settings) -> Result<Self, WebhookError> {
        let proxy = ProxyRules::from_settings(settings);
        let tls = tls(settings.webhook_ca_file.as_deref())?;
        let mut builder = http_client::builder(tls, proxy.clone())
            .map_err(WebhookError::Client)?
            .pool_idle_timeout(KEPT_FOR);
        if !settings.webhook_allow_private {
            let proxy_host = settings
                .https_proxy
                .as_ref()
                .map(|proxy| proxy.host.clone());
            builder = builder.dns_resolver(Arc::new(PublicResolver { proxy_host }));
        }
        let http = builder
            .build()
            .map_err(|error| WebhookError::Client(error.to_string()))?;
        Ok(Self {
            http,
            allow_private: settings.webhook_allow_private,
            proxy,
        })
    }

    /// Sends a request that `write` completes, to `url`.
    ///
    /// # Errors
    /// Why there is no response, for the administrator.
    pub async fn post(
        &self,
        url: &Url,
        write: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response, String> {
        let host = url.host_str().unwrap_or_default();
        // The resolver gets names only.
        if let Some(refusal) = self.refusal_of_literal(host) {
            return Err(refusal);
        }
        let request = write(self.http.post(url.clone()));
        self.send(request, url).await
    }

    /// Checks that the server may send to `url`, and that something responds there.
    pub async fn probe(&self, url: &Url) -> Result<(), EndpointError> {
        let host = url.host_str().unwrap_or_default();
        if let Some(refusal) = self.refusal_of_literal(host) {
            return Err(EndpointError::Refused(refusal));
        }
        let is_proxied = url.scheme() == "https" && self.proxy.proxy_for(host).is_some();
        if !self.allow_private && !is_proxied {
            let found = lookup_host((host.trim_matches(['[', ']']), 0)).await;
            let found: Vec<_> = found.into_iter().flatten().collect();
            if let Some(first) = found.first()
                && !found.iter().any(|one| is_public(one.ip()))
            {
                return Err(EndpointError::Refused(private(host, first.ip())));
            }
        }
        let request = self.http.head(url.clone()).timeout(PROBE_TIMEOUT);
        let sent = self.send(request, url).await;
        sent.map(drop).map_err(EndpointError::Unreachable)
    }

    /// Returns whether the host of `url` is a name, or an address that is allowed.
    pub fn may_reach(&self, url: &Url) -> bool {
        self.refusal_of_literal(url.host_str().unwrap_or_default())
            .is_none()
    }

    /// Returns why the server does not send to `host`, if that is a private address.
    fn refusal_of_literal(&self, host: &str) -> Option<String> {
        let address = host.trim_matches(['[', ']']).parse().ok()?;
        (!self.allow_private && !is_public(address)).then(|| private(host, address))
    }

    async fn send(&self, request: RequestBuilder, url: &Url) -> Result<Response, String> {
        let host = url.host_str().unwrap_or_default();
        request.send().await.map_err(|error| {
            let cause = http_client::cause(&error);
            if !error.is_connect() {
                return format!("the connection broke: {cause}");
            }
            match self
                .proxy
                .proxy_for(host)
                .filter(|_| url.scheme() == "https")
            {
                Some(proxy) => {
                    format!("no connection to {host} through https_proxy {proxy:?}: {cause}")
                }
                None => format!("no connection to {host}: {cause}"),
            }
        })
    }
}

/// Resolver that returns public addresses only. The client connects to exactly these: a second look-up of the name may
/// return other addresses (DNS rebinding).
struct PublicResolver {
    /// Host of the proxy, which may have any address.
    proxy_host: Option<String>,
}

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allows_private = self.proxy_host.as_deref() == Some(name.as_str());
        Box::pin(async move {
            let host = name.as_str();
            // The client replaces this port with the one of the URL.
            let found: Vec<SocketAddr> = lookup_host((host, 0)).await?.collect();
            let is_allowed = |address: &SocketAddr| allows_private || is_public(address.ip());
            let allowed: Vec<_> = found.iter().copied().filter(is_allowed).collect();
            match found.first() {
                Some(found) if allowed.is_empty() => Err(private(host, found.ip()).into()),
                Some(_) | None => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

fn private(host: &str, address: IpAddr) -> String {
    format!("{host} is at {address}, which is private: webhook_allow_private allows that")
}

fn tls(ca_file: Option<&Path>) -> Result<tokio_rustls::rustls::ClientConfig, WebhookError> {
    const SETTING: &str = "webhook_ca_file";
    let Some(file) = ca_file else {
        return Ok(tls_client::client_config(None).expect("there is no file to be wrong"));
    };
    let pem = regular_file::read(file).map_err(|source| unreadable(SETTING, file, source))?;
    tls_client::client_config(Some(&pem))
        .ok_or_else(|| content(SETTING, file, "certificates in PEM"))
}
