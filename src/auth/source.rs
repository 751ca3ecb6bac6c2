//! Source of an identity provider's keys: discovery by `OpenID` Connect, the URL of a key set, or a file.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::fetch::Client;
use super::jwk::{self, KeySet};
use super::key::KeyError;
use crate::clock::Timestamp;
use crate::regular_file;
use crate::settings::{ProxyRules, Settings, is_provider_url};

/// Where the keys of a provider are.
pub(super) enum Source {
    /// Found through the issuer (`OpenID` Connect Discovery 1.0, section 4).
    Issuer { issuer: String, client: Client },
    /// A key set at a URL.
    Url { url: String, client: Client },
    /// A key set in a file.
    File(PathBuf),
}

/// Keys as they were found.
pub(super) struct Found {
    pub set: KeySet,
    /// How long the provider allows to keep them.
    pub max_age: Option<Duration>,
    /// The provider's clock.
    pub date: Option<Timestamp>,
}

impl Source {
    /// Returns the source that `settings` name, if any.
    pub fn from_settings(settings: &Settings) -> Result<Option<Self>, KeyError> {
        let client = || {
            let proxy = ProxyRules::from_settings(settings);
            Client::new(settings.jwt_ca_file.as_deref(), proxy)
        };
        Ok(if let Some(issuer) = &settings.jwt_issuer_url {
            Some(Self::Issuer {
                issuer: issuer.clone(),
                client: client()?,
            })
        } else if let Some(url) = &settings.jwt_jwks_url {
            Some(Self::Url {
                url: url.clone(),
                client: client()?,
            })
        } else {
            settings.jwt_jwks_file.clone().map(Self::File)
        })
    }

    /// Whether the keys are in a file.
    pub const fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// Returns the issuer that tokens of these keys must have, if discovery gives it.
    pub fn issuer(&self) -> Option<&str> {
        match self {
            Self::Issuer { issuer, .. } => Some(issuer),
            Self::Url { .. } | Self::File(_) => None,
        }
    }

    /// Gets the keys.
    ///
    /// # Errors
    /// Why there are none, as a sentence.
    pub async fn keys(&self) -> Result<Found, String> {
        let (body, max_age, date) = match self {
            Self::Issuer { issuer, client } => {
                let url = discover(issuer, client).await?;
                let document = client.get(&url).await?;
                (document.body, document.max_age, document.date)
            }
            Self::Url { url, client } => {
                let document = client.get(url).await?;
                (document.body, document.max_age, document.date)
            }
            // As often as the rules allow: nothing is asked over a network.
            Self::File(file) => (read(file.clone()).await?, Some(Duration::ZERO), None),
        };
        let set =
            jwk::read(&self.to_string(), &body).map_err(|problem| format!("{self}: {problem}"))?;
        if set.keys.is_empty() {
            let left_out = set.left_out.join("; ");
            return Err(format!("{self}: the key set has no usable key. {left_out}"));
        }
        Ok(Found { set, max_age, date })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Issuer { issuer, .. } => write!(f, "jwt_issuer_url {issuer}"),
            Self::Url { url, .. } => write!(f, "jwt_jwks_url {url}"),
            Self::File(file) => write!(f, "jwt_jwks_file {}", file.display()),
        }
    }
}

/// Returns the URL of the key set of `issuer`.
async fn discover(issuer: &str, client: &Client) -> Result<String, String> {
    let url = format!(
        "{}/.well-known/openid-configuration",
        issuer.trim_end_matches('/')
    );
    let document = client.get(&url).await?;
    let document: Value = serde_json::from_slice(&document.body).map_err(|error| {
        format!("{url}: expected an OpenID configuration, got no JSON: {error}")
    })?;
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    match text("issuer") {
        Some(named) if named == issuer => (),
        Some(named) => {
            return Err(format!(
                "{url} names the issuer {named}, expected {issuer}: set jwt_issuer_url to exactly that issuer"
            ));
        }
        None => return Err(format!("{url}: the OpenID configuration has no issuer")),
    }
    let keys = text("jwks_uri")
        .ok_or_else(|| format!("{url}: the OpenID configuration has no jwks_uri"))?;
    if !is_provider_url(keys) {
        return Err(format!(
            "{url} names the key set {keys}: expected https, or http on this machine"
        ));
    }
    Ok(keys.to_owned())
}

async fn read(file: PathBuf) -> Result<Vec<u8>, String> {
    let shown = file.display().to_string();
    let reading = tokio::task::spawn_blocking(move || regular_file::read(&file));
    let read = reading.await.map_err(|error| error.to_string())?;
    read.map_err(|error| format!("cannot read {shown}: {error}"))
}
