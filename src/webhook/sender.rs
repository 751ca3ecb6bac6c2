//! Sender of one message to one endpoint: signs it, sends it, and reads the beginning of the response.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{RequestBuilder, Response, Url};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use tokio::time::{Instant, timeout_at};

use crate::clock::Timestamp;
use crate::regular_file;
use crate::settings::{Settings, WEBHOOK_SECRETS, webhook_secrets};
use crate::webhook_model::delivery::{Outcome, retry_after};
use crate::webhook_model::message::{WebhookEndpoint, shown};

use super::client::{Client, EndpointError};
use super::signature::Keys;
use super::target;

/// Bytes of a response that are read: the fields that matter take a few.
const ANSWER_LIMIT: usize = 4096;

/// Reason for which webhooks cannot be sent; the server does not start then.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// There are endpoints and no secret.
    #[error(
        "webhook_url, and each of webhooks without a secret of its own, needs one to sign webhooks: set webhook_secret or webhook_secret_file \
         (create one with `echo whsec_$(openssl rand -base64 32)`)"
    )]
    NoSecret,
    /// A file cannot be read.
    #[error("{setting} names {file}, which cannot be read: {source}")]
    Unreadable {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        file: String,
        /// The reason.
        source: std::io::Error,
    },
    /// The content of a file is not valid.
    #[error("{setting} names {file}, which is not valid: expected {expected}")]
    Content {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        file: String,
        /// The expected content.
        expected: &'static str,
    },
    /// The HTTP client cannot be made.
    #[error("cannot make the client for webhooks: {0}")]
    Client(String),
}

/// Sender of messages.
pub struct Sender {
    /// Signing keys of each URL.
    keys: HashMap<String, Arc<Keys>>,
    client: Client,
    timeout: Duration,
}

/// URL and signing keys of an endpoint.
pub(super) struct SignedTarget {
    url: Url,
    keys: Arc<Keys>,
}

impl SignedTarget {
    /// Returns the host, for the log.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }
}

/// Message as it is sent.
pub(super) struct SignedMessage<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its body, JSON.
    pub body: &'a str,
    /// When it is sent.
    pub at: Timestamp,
}

/// Response to an attempt.
pub(super) struct Reply {
    pub outcome: Outcome,
    /// Delay that the endpoint requests before the next message.
    pub retry_after: Option<Duration>,
    /// Beginning of the body.
    pub body: Vec<u8>,
}

impl Sender {
    /// Makes the sender that the settings describe.
    pub fn from_settings(settings: &Settings) -> Result<Self, WebhookError> {
        Ok(Self {
            keys: keys(settings)?,
            client: Client::from_settings(settings)?,
            timeout: settings.webhook_timeout,
        })
    }

    /// Returns whether it sends to the host of `url`, as far as the URL shows: a name may have a private address too.
    #[must_use]
    pub fn may_reach(&self, url: &str) -> bool {
        target::parse(url).is_some_and(|url| self.client.may_reach(&url))
    }

    /// Checks each endpoint; returns its URL for logs and what is wrong with it.
    pub async fn probe(&self) -> Vec<(String, EndpointError)> {
        let mut urls: Vec<_> = self.keys.keys().collect();
        urls.sort_unstable();
        let probe = |url: &'_ String| {
            let (shown, parsed) = (shown(url).to_owned(), target::parse(url));
            async move {
                let problem = self.client.probe(&parsed?).await.err()?;
                Some((shown, problem))
            }
        };
        let probed = join_all(urls.into_iter().map(probe)).await;
        probed.into_iter().flatten().collect()
    }

    /// Returns the URL and keys of `receiver`, or none if they cannot be read.
    pub(super) fn target(&self, receiver: &WebhookEndpoint) -> Option<SignedTarget> {
        let keys = match &receiver.made {
            Some(made) => Arc::new(Keys::of(made)?),
            None => Arc::clone(self.keys.get(&receiver.url)?),
        };
        target::parse(&receiver.url).map(|url| SignedTarget { url, keys })
    }

    /// Sends `message` to `target` and waits for the response.
    pub(super) async fn send(&self, message: &SignedMessage<'_>, target: &SignedTarget) -> Reply {
        let deadline = Instant::now() + self.timeout;
        let request = |request| write(request, message, target);
        let failed = |cause| Reply {
            outcome: Outcome::Failed { cause },
            retry_after: None,
            body: Vec::new(),
        };
        let response = match timeout_at(deadline, self.client.post(&target.url, request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(cause)) => return failed(cause),
            Err(_) => return failed(format!("no answer within {:?}", self.timeout)),
        };
        let status = response.status().as_u16();
        let header = response.headers().get(RETRY_AFTER);
        let retry_after = header
            .and_then(|header| header.to_str().ok())
            .and_then(|header| retry_after(status, header, message.at));
        // A response that has begun counts by its status, even if the rest fails.
        let mut body = Vec::new();
        let _ = timeout_at(deadline, read(response, &mut body)).await;
        Reply {
            outcome: Outcome::of_status(status),
            retry_after,
            body,
        }
    }
}

/// Completes a request with `message`.
fn write(
    request: RequestBuilder,
    message: &SignedMessage<'_>,
    to: &SignedTarget,
) -> RequestBuilder {
    let seconds = message.at.as_millis().div_euclid(1000);
    let signature = to.keys.sign(message.id, seconds, message.body);
    request
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-id", message.id)
        .header("webhook-timestamp", seconds)
        .header("webhook-signature", signature)
        .body(message.body.to_owned())
}

/// Reads at most [`ANSWER_LIMIT`] bytes. A connection whose response is read to its end is used again.
async fn read(mut response: Response, body: &mut Vec<u8>) {
    while let Ok(Some(data)) = response.chunk().await {
        if body.len() + data.len() > ANSWER_LIMIT {
            return;
        }
        body.extend_from_slice(&data);
    }
}

/// Returns the signing keys of each URL.
fn keys(settings: &Settings) -> Result<HashMap<String, Arc<Keys>>, WebhookError> {
    let mut keys = HashMap::new();
    let mut needs_common = Vec::new();
    needs_common.extend(settings.webhook_url.iter().map(|url| url.to_string()));
    for webhook in &settings.webhooks {
        let url = webhook.url.to_string();
        let own = own_keys("webhooks", &webhook.secret, webhook.secret_file.as_deref())?;
        match own {
            Some(own) => drop(keys.insert(url, Arc::new(own))),
            None => needs_common.push(url),
        }
    }
    if needs_common.is_empty() {
        return Ok(keys);
    }
    let file = settings.webhook_secret_file.as_deref();
    let common = own_keys("webhook_secret_file", &settings.webhook_secret, file)?;
    let common = Arc::new(common.ok_or(WebhookError::NoSecret)?);
    keys.extend(
        needs_common
            .into_iter()
            .map(|url| (url, Arc::clone(&common))),
    );
    Ok(keys)
}

/// Returns the keys of `secrets`, or of those in `file`, which `setting` names; none if there are neither.
fn own_keys(
    setting: &'static str,
    secrets: &[SecretSlice<u8>],
    file: Option<&Path>,
) -> Result<Option<Keys>, WebhookError> {
    let Some(file) = file else {
        return Ok((!secrets.is_empty()).then(|| Keys::new(secrets)));
    };
    let text = regular_file::read_text(file).map_err(|source| unreadable(setting, file, source))?;
    let text = SecretString::from(text);
    let lines = text.expose_secret().lines().map(str::trim);
    let secrets = webhook_secrets(lines.filter(|line| !line.is_empty()));
    let secrets = secrets.ok_or_else(|| content(setting, file, WEBHOOK_SECRETS))?;
    Ok(Some(Keys::new(&secrets)))
}

pub(super) fn unreadable(
    setting: &'static str,
    file: &Path,
    source: std::io::Error,
) -> WebhookError {
    let file = file.display().to_string();
    WebhookError::Unreadable {
        setting,
        file,
        source,
    }
}

pub(super) fn content(setting: &'static str, file: &Path, expected: &'static str) -> WebhookError {
    let file = file.display().to_string();
    WebhookError::Content {
        setting,
        file,
        expected,
    }
}
