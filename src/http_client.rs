//! HTTP client for this server's own requests: to endpoints of webhooks and to an identity provider.

use std::time::Duration;

use reqwest::header::{HeaderValue, InvalidHeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Error, Proxy as HttpProxy};
use secrecy::ExposeSecret as _;
use tokio_rustls::rustls::ClientConfig;

use crate::settings::{Proxy, ProxyRules};

/// Time limit for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Returns a client that follows no redirect and reaches hosts by HTTPS through `proxy`, never through the proxy of the
/// environment.
///
/// # Errors
/// The proxy's password cannot be sent, as a sentence.
pub fn builder(tls: ClientConfig, proxy: ProxyRules) -> Result<ClientBuilder, String> {
    let proxy = http_proxy(proxy).map_err(|error| format!("https_proxy: {error}"))?;
    Ok(Client::builder()
        .use_preconfigured_tls(tls)
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(concat!("chattrix/", env!("CARGO_PKG_VERSION")))
        .proxy(proxy))
}

/// Returns the proxy of `rules`. Plain HTTP is for this machine or its network, which no proxy reaches.
fn http_proxy(rules: ProxyRules) -> Result<HttpProxy, InvalidHeaderValue> {
    let authorization = rules.authorization().map(|value| {
        let mut value = HeaderValue::from_str(value.expose_secret())?;
        value.set_sensitive(true);
        Ok(value)
    });
    let authorization = authorization.transpose()?;
    let proxy = HttpProxy::custom(move |url| {
        let proxy = rules.proxy_for(url.host_str()?);
        let proxy = proxy.filter(|_| url.scheme() == "https");
        proxy.map(Proxy::url)
    });
    Ok(match authorization {
        Some(value) => proxy.custom_http_auth(value),
        None => proxy,
    })
}

/// Returns the innermost cause of `error`: the client's own text repeats the URL, which may hold a secret.
#[must_use]
pub fn cause(error: &Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if std::ptr::addr_eq(cause, error) {
        // Without a cause, its own text is all there is.
        return "the request failed".to_owned();
    }
    cause.to_string()
}
