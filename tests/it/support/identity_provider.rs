//! Identity provider on loopback: discovery, a key set, and all their failures.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::within;

/// Key with which the provider signs.
#[derive(Clone)]
pub struct SigningKey {
    /// Its `kid`.
    pub kid: String,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl SigningKey {
    /// Returns a key of the test's own files that signs by `algorithm`.
    pub fn new(kid: &str, algorithm: Algorithm) -> Self {
        let file = match algorithm {
            Algorithm::ES256 => "ec.pem",
            Algorithm::ES384 => "ec384.pem",
            Algorithm::EdDSA => "ed25519.pem",
            _ => "rsa.pem",
        };
        Self::from_file(kid, algorithm, &PathBuf::from("tests/it/keys").join(file))
    }

    /// Returns another RSA key that signs by RS256.
    pub fn other_rsa(kid: &str) -> Self {
        let file = PathBuf::from("tests/data/test-keys/rs256-private.pem");
        Self::from_file(kid, Algorithm::RS256, &file)
    }

    fn from_file(kid: &str, algorithm: Algorithm, file: &std::path::Path) -> Self {
        let pem =
            std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file)).expect("reads");
        let read = match algorithm {
            Algorithm::ES256 | Algorithm::ES384 => EncodingKey::from_ec_pem,
            Algorithm::EdDSA => EncodingKey::from_ed_pem,
            _ => EncodingKey::from_rsa_pem,
        };
        Self {
            kid: kid.to_owned(),
            algorithm,
            key: read(&pem).expect("a key"),
        }
    }

    /// Returns the public half as a JSON Web Key.
    pub fn jwk(&self) -> Value {
        let jwk = Jwk::from_encoding_key(&self.key, self.algorithm).expect("a JWK");
        let mut jwk = serde_json::to_value(jwk).expect("JSON");
        jwk["kid"] = json!(self.kid);
        jwk["use"] = json!("sig");
        jwk
    }

    /// Signs `claims`.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_with_header(claims, &json!({ "kid": self.kid }))
    }

    /// Signs `claims` with these fields of the header: `kid`.
    pub fn sign_with_header(&self, claims: &Value, fields: &Value) -> String {
        let header = Header {
            kid: fields["kid"].as_str().map(str::to_owned),
            ..Header::new(self.algorithm)
        };
        jsonwebtoken::encode(&header, claims, &self.key).expect("signs")
    }
}

/// Response of the provider to a path.
#[derive(Clone, Debug)]
pub enum Page {
    /// JSON with these headers.
    Json(Value, Vec<(&'static str, String)>),
    /// Text with this status.
    Text(u16, String),
    /// A redirect.
    Redirect(String),
    /// No response at all.
    Silence,
}

struct Shared {
    pages: Mutex<Map<String, Value>>,
    special: Mutex<Vec<(String, Page)>>,
    fetches: AtomicUsize,
}

/// Running provider; it stops when it is dropped.
pub struct IdentityProvider {
    port: u16,
    shared: Arc<Shared>,
    task: Option<JoinHandle<()>>,
}

impl IdentityProvider {
    /// Starts a provider that publishes `keys`.
    pub async fn start(keys: &[&SigningKey]) -> Self {
        let shared = Arc::new(Shared {
            pages: Mutex::default(),
            special: Mutex::default(),
            fetches: AtomicUsize::new(0),
        });
        let mut provider = Self {
            port: 0,
            shared,
            task: None,
        };
        provider.listen().await;
        let issuer = provider.issuer();
        let discovery = json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/jwks") });
        provider.publish("/.well-known/openid-configuration", discovery);
        provider.set_keys(keys);
        provider
    }

    async fn listen(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port))
            .await
            .expect("a port");
        self.port = listener.local_addr().expect("an address").port();
        let shared = Arc::clone(&self.shared);
        self.task = Some(tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    continue;
                };
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    let service = service_fn(|request| respond(&shared, request));
                    let mut http = hyper::server::conn::http1::Builder::new();
                    let _ = http
                        .keep_alive(false)
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        }));
    }

    /// Returns the issuer.
    pub fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Publishes `keys` in place of those before.
    pub fn set_keys(&self, keys: &[&SigningKey]) {
        let keys: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
        self.publish("/jwks", json!({ "keys": keys }));
    }

    /// Publishes a document at `path`.
    pub fn publish(&self, path: &str, document: Value) {
        self.shared.pages.lock().insert(path.to_owned(), document);
    }

    /// Responds with `page` at `path` from now on.
    pub fn respond_with(&self, path: &str, page: Page) {
        self.shared.special.lock().push((path.to_owned(), page));
    }

    /// Responds as at first again.
    pub fn recover(&self) {
        self.shared.special.lock().clear();
    }

    /// Returns how often the key set was fetched.
    pub fn fetches(&self) -> usize {
        self.shared.fetches.load(Ordering::SeqCst)
    }

    /// Stops listening.
    pub async fn stop(&mut self) {
        let task = self.task.take().expect("it runs");
        task.abort();
        let _ = within("the provider to stop", task).await;
    }

    /// Listens again at the same port.
    pub async fn start_again(&mut self) {
        self.listen().await;
    }
}

impl Drop for IdentityProvider {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

async fn respond(
    shared: &Shared,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    if path == "/jwks" {
        shared.fetches.fetch_add(1, Ordering::SeqCst);
    }
    let special = shared
        .special
        .lock()
        .iter()
        .rev()
        .find(|(at, _)| *at == path)
        .cloned();
    let page = special.map(|(_, page)| page);
    let page = page.unwrap_or_else(|| match shared.pages.lock().get(&path) {
        Some(document) => Page::Json(document.clone(), Vec::new()),
        None => Page::Text(404, "not found".to_owned()),
    });
    let response = Response::builder();
    let response = match page {
        Page::Json(document, headers) => {
            let named = headers.into_iter();
            let response = named.fold(response, |it, (name, value)| it.header(name, value));
            response.body(Full::from(document.to_string()))
        }
        Page::Text(status, text) => response.status(status).body(Full::from(text)),
        Page::Redirect(location) => response
            .status(302)
            .header("Location", location)
            .body(Full::default()),
        Page::Silence => std::future::pending().await,
    };
    Ok(response.expect("a response"))
}
