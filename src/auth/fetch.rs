//! HTTP client for the documents of an identity provider.

use std::path::Path;
use std::time::Duration;

use chrono::DateTime;
use reqwest::header::{ACCEPT, CACHE_CONTROL, DATE, HeaderMap, LOCATION};
use reqwest::{Client as HttpClient, Response, Url};
use tokio_rustls::rustls::ClientConfig;

use super::key::{self, KeyError};
use crate::clock::Timestamp;
use crate::settings::ProxyRules;
use crate::{http_client, tls_client};

/// Time limit for a response, read to its end. Both documents of a provider fit into the 10 s of a start.
const TIMEOUT: Duration = Duration::from_millis(4_500);

/// Largest document. A key set of 10 keys with certificates has 30 KiB.
const MAX_BYTES: usize = 512 * 1024;

/// Client for one provider.
pub(super) struct Client(HttpClient);

/// Document of a provider.
pub(super) struct Document {
    pub body: Vec<u8>,
    /// How long it may be kept, if the provider says so.
    pub max_age: Option<Duration>,
    /// The provider's clock when it responded.
    pub date: Option<Timestamp>,
}

impl Client {
    /// Makes a client that trusts the public certificate authorities and those in `ca_file`, and reaches hosts by HTTPS
    /// through `proxy`.
    pub fn new(ca_file: Option<&Path>, proxy: ProxyRules) -> Result<Self, KeyError> {
        let builder = http_client::builder(tls(ca_file)?, proxy).map_err(KeyError::Client)?;
        let client = builder
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| KeyError::Client(error.to_string()))?;
        Ok(Self(client))
    }

    /// Gets the JSON document at `url`.
    ///
    /// # Errors
    /// Why there is none, as a sentence.
    pub async fn get(&self, url: &str) -> Result<Document, String> {
        let parsed = Url::parse(url).map_err(|error| format!("{url} is not a URL: {error}"))?;
        let request = self.0.get(parsed).header(ACCEPT, "application/json");
        let failed = |error: reqwest::Error| format!("{url}: {}", cause(&error));
        let response = request.send().await.map_err(failed)?;
        let status = response.status();
        if status.is_redirection() {
            let location = response.headers().get(LOCATION);
            let location = location
                .and_then(|it| it.to_str().ok())
                .unwrap_or("nowhere");
            return Err(format!(
                "{url} redirects to {location}: expected the document itself, set its final URL"
            ));
        }
        if status.as_u16() != 200 {
            return Err(format!("{url} returned HTTP {status}"));
        }
        let (max_age, date) = (max_age(response.headers()), date(response.headers()));
        let body = read(response)
            .await
            .map_err(|problem| format!("{url}: {problem}"))?;
        Ok(Document {
            body,
            max_age,
            date,
        })
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| cause(&error))? {
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(format!("the document is larger than {MAX_BYTES} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no complete response within {:.1} s", TIMEOUT.as_secs_f32());
    }
    http_client::cause(error)
}

fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(CACHE_CONTROL).iter();
    let directives: Vec<_> = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|directive| directive.trim().to_ascii_lowercase())
        .collect();
    if directives
        .iter()
        .any(|it| it == "no-store" || it == "no-cache")
    {
        return Some(Duration::ZERO);
    }
    let seconds = directives
        .iter()
        .find_map(|it| it.strip_prefix("max-age=")?.parse().ok());
    seconds.map(Duration::from_secs)
}

fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(DATE)?.to_str().ok()?;
    let date = DateTime::parse_from_rfc2822(text).ok()?;
    Some(Timestamp::from_millis(date.timestamp_millis()))
}

fn tls(ca_file: Option<&Path>) -> Result<ClientConfig, KeyError> {
    let Some(file) = ca_file else {
        return Ok(tls_client::client_config(None).expect("there is no file to be wrong"));
    };
    let pem = key::read("jwt_ca_file", file)?;
    tls_client::client_config(Some(&pem)).ok_or_else(|| KeyError::NoCertificates(file.to_owned()))
}
