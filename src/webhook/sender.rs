//! One message to one receiver: signed, sent, and its answer read as far as it matters.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, Response};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::rustls::ClientConfig;

use crate::clock::Timestamp;
use crate::settings::{ProxyRules, Settings, WEBHOOK_SECRETS, webhook_secrets};
use crate::tls_client;
use crate::webhook_model::delivery::{Outcome, retry_after};

use super::connection::{Connection, Connector, Idle};
use super::signature::Keys;
use super::target::Target;

/// How much of an answer is read: what we look for in it takes a few bytes.
const ANSWER_LIMIT: usize = 4096;

/// Why webhooks cannot be sent; the server does not start then.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// There are receivers and no secret.
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
        /// Why not.
        source: std::io::Error,
    },
    /// A file holds something else.
    #[error("{setting} names {file}, which is not valid: expected {expected}")]
    Content {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        file: String,
        /// What it should hold.
        expected: &'static str,
    },
}

/// Sends messages.
pub struct Sender {
    /// What messages to each URL are signed with.
    keys: HashMap<String, Arc<Keys>>,
    connector: Connector,
    timeout: Duration,
}

/// Where an endpoint is, and what its messages are signed with.
pub(super) struct SignedTarget {
    target: Target,
    keys: Arc<Keys>,
}

impl SignedTarget {
    /// The host, for the log.
    pub fn host(&self) -> &str {
        &self.target.host
    }
}

/// A message as it is sent.
pub(super) struct SignedMessage<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its text, JSON.
    pub body: &'a str,
    /// When it is sent.
    pub at: Timestamp,
}

/// What came back.
pub(super) struct Reply {
    pub outcome: Outcome,
    /// How long the endpoint wants to be left alone.
    pub retry_after: Option<Duration>,
    /// The beginning of the answer's body.
    pub body: Vec<u8>,
}

impl Sender {
    /// What the settings describe; none where they name no receiver.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub fn from_settings(settings: &Settings) -> Result<Option<Self>, WebhookError> {
        let keys = keys(settings)?;
        if keys.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self {
            keys,
            connector: Connector {
                tls: Arc::new(tls(settings.webhook_ca_file.as_deref())?),
                allow_private: settings.webhook_allow_private,
                proxy: ProxyRules::from_settings(settings),
            },
            timeout: settings.webhook_timeout,
        }))
    }

    /// The endpoint at `url`, or none if that is not the URL of one.
    pub(super) fn target(&self, url: &str) -> Option<SignedTarget> {
        let keys = Arc::clone(self.keys.get(url)?);
        Target::parse(url).map(|target| SignedTarget { target, keys })
    }

    /// Sends `letter` to `target`, on a connection of `idle` where one stands, and waits for the answer.
    pub(super) async fn send(
        &self,
        letter: &SignedMessage<'_>,
        target: &SignedTarget,
        idle: &Idle,
    ) -> Reply {
        let deadline = Instant::now() + self.timeout;
        let asked = timeout_at(deadline, self.ask(letter, target, idle)).await;
        let failed = |cause| Reply {
            outcome: Outcome::Failed { cause },
            retry_after: None,
            body: Vec::new(),
        };
        let (connection, answer) = match asked {
            Ok(Ok(asked)) => asked,
            Ok(Err(cause)) => return failed(cause),
            Err(_) => return failed(format!("no answer within {:?}", self.timeout)),
        };
        let status = answer.status().as_u16();
        let outcome = Outcome::of_status(status);
        let header = answer.headers().get(RETRY_AFTER);
        let retry_after = header
            .and_then(|header| header.to_str().ok())
            .and_then(|header| retry_after(status, header, letter.at));
        // An answer that has begun counts by its status, whatever becomes of the rest.
        let (mut body, mut whole) = (Vec::new(), false);
        let reading = read(answer.into_body(), &mut body, &mut whole);
        let in_time = timeout_at(deadline, reading).await.is_ok();
        if in_time && whole {
            let _ = timeout(self.timeout, idle.keep(connection)).await;
        }
        Reply {
            outcome,
            retry_after,
            body,
        }
    }

    async fn ask(
        &self,
        letter: &SignedMessage<'_>,
        target: &SignedTarget,
        idle: &Idle,
    ) -> Result<(Connection, Response<Incoming>), String> {
        let broken = |error: hyper::Error| format!("the connection broke: {error}");
        if let Some(mut kept) = idle.take() {
            // The receiver may have closed it just now, and then a new one is as good.
            if let Ok(answer) = kept.send_request(request(letter, target)).await {
                return Ok((kept, answer));
            }
        }
        let mut new = self.connector.connect(&target.target).await?;
        let answer = new.send_request(request(letter, target)).await;
        Ok((new, answer.map_err(broken)?))
    }
}

fn request(letter: &SignedMessage<'_>, to: &SignedTarget) -> Request<Full<Bytes>> {
    let seconds = letter.at.as_millis().div_euclid(1000);
    let signature = to.keys.sign(letter.id, seconds, letter.body);
    Request::builder()
        .method(Method::POST)
        .uri(to.target.path.clone())
        .header(HOST, &to.target.authority)
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, concat!("chattrix/", env!("CARGO_PKG_VERSION")))
        .header("webhook-id", letter.id)
        .header("webhook-timestamp", seconds)
        .header("webhook-signature", signature)
        .body(Full::from(letter.body.to_owned()))
        .expect("every part was checked when it was made")
}

/// Reads at most [`ANSWER_LIMIT`] bytes; `whole` where that was all.
async fn read(mut answer: Incoming, body: &mut Vec<u8>, whole: &mut bool) {
    while let Some(frame) = answer.frame().await {
        let Ok(frame) = frame else { return };
        if let Ok(data) = frame.into_data() {
            if body.len() + data.len() > ANSWER_LIMIT {
                return;
            }
            body.extend_from_slice(&data);
        }
    }
    *whole = true;
}

/// Returns what messages to each URL are signed with.
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
    let text = fs::read_to_string(file).map_err(|source| unreadable(setting, file, source))?;
    let text = SecretString::from(text);
    let lines = text.expose_secret().lines().map(str::trim);
    let secrets = webhook_secrets(lines.filter(|line| !line.is_empty()));
    let secrets = secrets.ok_or_else(|| content(setting, file, WEBHOOK_SECRETS))?;
    Ok(Some(Keys::new(&secrets)))
}

fn tls(ca_file: Option<&Path>) -> Result<ClientConfig, WebhookError> {
    const SETTING: &str = "webhook_ca_file";
    let Some(file) = ca_file else {
        return Ok(tls_client::client_config(None).expect("there is no file to be wrong"));
    };
    let pem = fs::read(file).map_err(|source| unreadable(SETTING, file, source))?;
    tls_client::client_config(Some(&pem))
        .ok_or_else(|| content(SETTING, file, "certificates in PEM"))
}

fn unreadable(setting: &'static str, file: &Path, source: std::io::Error) -> WebhookError {
    let file = file.display().to_string();
    WebhookError::Unreadable {
        setting,
        file,
        source,
    }
}

fn content(setting: &'static str, file: &Path, expected: &'static str) -> WebhookError {
    let file = file.display().to_string();
    WebhookError::Content {
        setting,
        file,
        expected,
    }
}
