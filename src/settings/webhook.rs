//! Settings of webhooks: endpoints, their secrets and their events.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::Uri;
use hyper::http::uri::Authority;
use secrecy::{ExposeSecret as _, SecretSlice};

use crate::webhook_model::EventType;

use super::layers::Raw;
use super::value::{self, Read, parse_duration};

/// Endpoint of webhooks with settings of its own.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// Its URL.
    pub url: Endpoint,
    /// Secrets that sign its messages; `webhook_secret` or `webhook_secret_file` if there are none.
    pub secret: Vec<SecretSlice<u8>>,
    /// File with such secrets instead.
    pub secret_file: Option<PathBuf>,
    /// Event types that it receives; `webhook_events` if none are given.
    pub events: Option<Vec<EventType>>,
}

impl WebhookSettings {
    /// Returns all of it, for a comparison.
    pub(super) fn content(&self) -> impl PartialEq + use<> {
        let secret = self.secret.iter().map(|one| one.expose_secret().to_owned());
        let secret: Vec<_> = secret.collect();
        (
            self.url.clone(),
            secret,
            self.secret_file.clone(),
            self.events.clone(),
        )
    }
}

/// Reads `[[webhooks]]`.
pub(super) fn tables(raw: &Raw) -> Read<Vec<WebhookSettings>> {
    let tables = match raw {
        Raw::Tables(tables) => tables.as_slice(),
        Raw::List(items) if items.is_empty() => &[],
        Raw::Json(_, items) if items.is_empty() => &[],
        Raw::Text(_) | Raw::Json(..) | Raw::List(_) | Raw::Table => {
            return Err(
                "a list of tables, each with url, and optionally secret or secret_file, and events"
                    .to_owned(),
            );
        }
    };
    let mut all: Vec<WebhookSettings> = Vec::new();
    for (number, fields) in tables.iter().enumerate() {
        let within = |expected| format!("in table {} {expected}", number + 1);
        let one = table(fields).map_err(within)?;
        if all.iter().any(|other| other.url == one.url) {
            return Err(within("another url than in the tables before".to_owned()));
        }
        all.push(one);
    }
    Ok(all)
}

fn table(fields: &BTreeMap<String, Raw>) -> Read<WebhookSettings> {
    const KEYS: [&str; 4] = ["url", "secret", "secret_file", "events"];
    if let Some(unknown) = fields.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(format!(
            "no key {unknown}, but url, secret, secret_file and events"
        ));
    }
    if fields.contains_key("secret") && fields.contains_key("secret_file") {
        return Err("either secret or secret_file".to_owned());
    }
    let url = fields.get("url").ok_or("url, the URL of the endpoint")?;
    let secret = fields.get("secret").map(signing_secrets);
    let secret_file = fields.get("secret_file").map(value::path);
    let events = fields.get("events").map(topics);
    Ok(WebhookSettings {
        url: of("url", self::url(url))?,
        secret: of("secret", secret.unwrap_or_else(|| Ok(Vec::new())))?,
        secret_file: of("secret_file", secret_file.transpose())?,
        events: of("events", events.transpose())?,
    })
}

/// Names the field `name` in the error of `read`.
fn of<T>(name: &str, read: Read<T>) -> Read<T> {
    read.map_err(|expected| format!("{name}: {expected}"))
}

/// URL of an endpoint. Its path and query may hold what only it and its sender may know, so they are not shown for
/// debugging.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint(Uri);

impl Deref for Endpoint {
    type Target = Uri;

    fn deref(&self) -> &Uri {
        &self.0
    }
}

impl FromStr for Endpoint {
    type Err = <Uri as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.scheme_str().unwrap_or_default();
        let host = self.host().unwrap_or_default();
        write!(f, "{scheme}://{host}/[REDACTED]")
    }
}

/// Reads the URL of one endpoint.
pub(super) fn url(raw: &Raw) -> Read<Endpoint> {
    match urls(raw)?.as_mut_slice() {
        [url] => Ok(url.clone()),
        _ => Err("one URL".to_owned()),
    }
}

pub(super) fn urls(raw: &Raw) -> Read<Vec<Endpoint>> {
    const EXPECTED: &str = "a URL or a list of different ones, such as \
                            https://app.example.com/hooks: https or http, with a host, without a \
                            user or a fragment, port 1 to 65535";
    let items = raw.items().ok_or(EXPECTED)?;
    let mut urls = Vec::new();
    for item in items {
        let url = parse_url(item).filter(|url| !urls.contains(url));
        urls.push(url.ok_or(EXPECTED)?);
    }
    Ok(urls)
}

/// Returns the URL of an endpoint as the settings would have it, or none if they would reject it.
#[must_use]
pub fn webhook_url(text: &str) -> Option<String> {
    parse_url(text).map(|url| url.to_string())
}

fn parse_url(text: &str) -> Option<Endpoint> {
    let uri: Endpoint = text.parse().ok()?;
    let authority = uri.authority()?;
    let fits = matches!(uri.scheme_str(), Some("https" | "http"))
        && !authority.host().is_empty()
        && !authority.as_str().contains('@')
        && !text.contains('#')
        && has_valid_port(authority);
    fits.then_some(uri)
}

/// Returns true if there is no port, or one from 1 to 65535. The library takes any digits, and then has no port.
pub(super) fn has_valid_port(authority: &Authority) -> bool {
    let (_, address) = authority.as_str().rsplit_once('@').unzip();
    let address = address.unwrap_or(authority.as_str());
    address == authority.host() || authority.port_u16().is_some_and(|port| port > 0)
}

/// What [`webhook_secrets`] takes, as a phrase that follows "expected".
pub const WEBHOOK_SECRETS: &str = "one or more secrets as Standard Webhooks writes them: whsec_ and 24 to 64 \
                                   bytes in base64 (create one with `echo whsec_$(openssl rand -base64 32)`)";

pub(super) fn signing_secrets(raw: &Raw) -> Read<Vec<SecretSlice<u8>>> {
    let items = raw.items().unwrap_or_default();
    webhook_secrets(items.into_iter()).ok_or_else(|| WEBHOOK_SECRETS.to_owned())
}

/// The keys that `texts` spell, `whsec_` and base64 each; none where one does not, or where there are none.
pub fn webhook_secrets<'a>(texts: impl Iterator<Item = &'a str>) -> Option<Vec<SecretSlice<u8>>> {
    let secret = |text: &str| {
        let key = BASE64.decode(text.strip_prefix("whsec_")?).ok()?;
        (24..=64)
            .contains(&key.len())
            .then(|| SecretSlice::from(key))
    };
    let secrets: Vec<_> = texts.map(secret).collect::<Option<_>>()?;
    (!secrets.is_empty()).then_some(secrets)
}

pub(super) fn topics(raw: &Raw) -> Read<Vec<EventType>> {
    let expected = || {
        let words = EventType::ALL.map(EventType::as_str).join(", ");
        format!("a list of {words}; or * for all of them")
    };
    match raw.items().ok_or_else(expected)?.as_slice() {
        ["*"] => Ok(EventType::ALL.to_vec()),
        [] => Err(expected()),
        words => words
            .iter()
            .map(|word| EventType::parse(word).ok_or_else(expected))
            .collect(),
    }
}

/// Reads the time limit of a webhook. A receiver that needs more than a minute should respond first and work later.
pub(super) fn webhook_timeout(raw: &Raw) -> Read<Duration> {
    let range = Duration::from_millis(100)..=Duration::from_mins(1);
    parse_duration(raw)
        .filter(|duration| range.contains(duration))
        .ok_or_else(|| "a duration from 100ms to 1m".to_owned())
}
