//! Webhook endpoint: a real HTTP server that records requests and responds as the test sets.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::within;

/// The secret that the tests sign with.
pub const WEBHOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A message as it came.
#[derive(Clone, Debug)]
pub struct Message {
    /// The header `webhook-id`.
    pub id: String,
    /// The header `webhook-timestamp`.
    pub timestamp: String,
    /// The header `webhook-signature`.
    pub signature: String,
    /// The path and query it was sent to.
    pub path: String,
    /// The body, byte for byte.
    pub raw: String,
    /// The body, read.
    pub body: Value,
}

impl Message {
    /// What it is.
    pub fn topic(&self) -> &str {
        self.body["type"].as_str().expect("type is text")
    }

    /// The call that it is about.
    pub fn call(&self) -> &str {
        self.body["data"]["call"]["id"].as_str().expect("a call")
    }
}

/// How a message is answered.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    body: Bytes,
    /// A further header.
    header: Option<(&'static str, String)>,
    after: Duration,
}

impl Reply {
    /// With `status` and nothing more.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            body: Bytes::new(),
            header: None,
            after: Duration::ZERO,
        }
    }

    /// With this body.
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self { body, ..self }
    }

    /// Elsewhere.
    pub fn redirect(location: &str) -> Self {
        Self::status(307).header("location", location)
    }

    /// With this header.
    pub fn header(self, name: &'static str, value: &str) -> Self {
        let header = Some((name, value.to_owned()));
        Self { header, ..self }
    }

    /// After so long.
    pub fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }
}

type Answers = Box<dyn Fn(&Message) -> Reply + Send>;

/// What a receiver's connections share.
struct Shared {
    answers: Mutex<Answers>,
    noted: mpsc::UnboundedSender<Message>,
}

/// A receiver; it takes everything until it is told otherwise.
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    messages: mpsc::UnboundedReceiver<Message>,
    connections: JoinSet<()>,
    tls: Option<TlsAcceptor>,
}

impl Receiver {
    /// A receiver on a free port of loopback.
    pub async fn start() -> Self {
        Self::start_with(None).await
    }

    /// The same, which speaks TLS with the certificate and key in these files, for the name `localhost`.
    pub async fn start_tls(certificate: &Path, key: &Path) -> Self {
        let certificate = CertificateDer::from_pem_file(certificate).expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(key).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key);
        let config = config.expect("they belong together");
        Self::start_with(Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn start_with(tls: Option<TlsAcceptor>) -> Self {
        let (noted, messages) = mpsc::unbounded_channel();
        let shared = Shared {
            answers: Mutex::new(Box::new(|_| Reply::status(200))),
            noted,
        };
        let mut receiver = Self {
            address: ([127, 0, 0, 1], 0).into(),
            shared: Arc::new(shared),
            messages,
            connections: JoinSet::new(),
            tls,
        };
        receiver.start_again().await;
        receiver
    }

    /// Stops listening, and breaks off every connection.
    pub async fn stop(&mut self) {
        self.connections.shutdown().await;
    }

    /// Listens again, where it did before.
    pub async fn start_again(&mut self) {
        let listener = TcpListener::bind(self.address).await.expect("the port");
        self.address = listener.local_addr().expect("an address");
        let (shared, tls) = (Arc::clone(&self.shared), self.tls.clone());
        self.connections.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (shared, tls) = (Arc::clone(&shared), tls.clone());
                connections.spawn(async move {
                    match tls {
                        None => serve(stream, shared).await,
                        // Whoever does not trust us leaves.
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, shared).await;
                            }
                        }
                    }
                });
            }
        });
    }

    /// Answers from now on as `answers` says.
    pub fn answer(&self, answers: impl Fn(&Message) -> Reply + Send + 'static) {
        let mut current = self
            .shared
            .answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *current = Box::new(answers);
    }

    /// Its URL.
    pub fn url(&self) -> String {
        match self.tls {
            None => format!("http://{}/hooks?key=sesame", self.address),
            Some(_) => format!("https://localhost:{}/hooks?key=sesame", self.port()),
        }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The next message.
    pub async fn next(&mut self) -> Message {
        within("a webhook", self.messages.recv())
            .await
            .expect("the receiver stands")
    }

    /// Whether no message has come since the last one that was taken.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// The next message, which must be of this topic.
    pub async fn expect(&mut self, topic: &str) -> Message {
        let message = self.next().await;
        assert_eq!(message.topic(), topic, "{}", message.raw);
        message
    }

    /// The messages that have come and were not looked at.
    pub fn rest(&mut self) -> Vec<Message> {
        std::iter::from_fn(|| self.messages.try_recv().ok()).collect()
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, shared: Arc<Shared>) {
    let service = service_fn(|request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(take(request, &shared).await) }
    });
    // The client may leave in the middle.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn take(request: Request<Incoming>, shared: &Shared) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    assert_eq!(head.method, "POST");
    let header = |name: &str| {
        let value = head.headers.get(name).expect(name);
        value.to_str().expect("visible characters").to_owned()
    };
    assert_eq!(header("content-type"), "application/json");
    let (id, timestamp, signature) = (
        header("webhook-id"),
        header("webhook-timestamp"),
        header("webhook-signature"),
    );
    let path = head.uri.to_string();
    let raw = body.collect().await.expect("a whole body").to_bytes();
    let raw = String::from_utf8(raw.to_vec()).expect("UTF-8");
    let message = Message {
        id,
        timestamp,
        signature,
        path,
        body: serde_json::from_str(&raw).expect("JSON"),
        raw,
    };
    let reply = {
        let answers = shared
            .answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        answers(&message)
    };
    // A test that has seen enough is gone.
    let _ = shared.noted.send(message);
    tokio::time::sleep(reply.after).await;
    let mut response = Response::builder().status(reply.status);
    if let Some((name, value)) = &reply.header {
        response = response.header(*name, value);
    }
    response.body(Full::new(reply.body)).expect("a response")
}

/// Makes a certificate for `localhost` and its key in `folder`.
pub fn receiver_certificate(folder: &Path) -> [PathBuf; 2] {
    let [certificate, key] = ["receiver.pem", "receiver.key"].map(|name| folder.join(name));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec"])
        .args(["-pkeyopt", "ec_paramgen_curve:P-256"])
        .args(["-nodes", "-days", "2", "-subj", "/CN=receiver"])
        .args(["-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-out")
        .arg(&certificate)
        .arg("-keyout")
        .arg(&key)
        .stderr(Stdio::null())
        .status();
    assert!(made.expect("openssl runs").success());
    [certificate, key]
}
