//! TLS by the server itself (Rocket's own settings, contract section 6), with a certificate made by the test.

use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use rocket::http::tls::rustls::crypto::ring;
use rocket::http::tls::rustls::{ClientConfig, RootCertStore};
use rocket::http::tls::util::load_certs;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
};

use crate::support::{Cli, Process, SECRET, eventually, free_port, make_database, serve, within};

/// A server that speaks TLS and nothing else, killed when it is dropped.
struct Secure {
    child: Child,
    folder: TempDir,
    port: u16,
}

impl Secure {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        make_certificate(&folder);
        let database = folder.path().join("chattrix.db");
        make_database(&database, ["alice", "bob"].map(str::to_owned));
        let port = free_port();
        let child = serve(&[], &database, port)
            .env("ROCKET_TLS", TLS)
            .spawn()
            .expect("the binary starts");
        let server = Self {
            child,
            folder,
            port,
        };
        // The command asks a server that speaks TLS, too.
        let cli = server.cli();
        eventually("the server to be healthy", async || {
            cli.run(&["healthcheck", "--port", &port.to_string()]).code == 0
        })
        .await;
        server
    }

    fn cli(&self) -> Cli {
        Cli::in_directory(self.folder.path()).with("ROCKET_TLS", TLS)
    }

    /// curl as `user`, who trusts this server's certificate alone.
    fn curl(&self, user: &str, path: &str, more: &[&str]) -> Value {
        let url = format!("https://127.0.0.1:{}{path}", self.port);
        let bearer = format!("Authorization: Bearer {}", Process::token(user).sign());
        let output = tokio::task::block_in_place(|| {
            Command::new("curl")
                .args(["-sS", "--cacert", "certificate.pem", "--header", &bearer])
                .args(more)
                .arg(url)
                .current_dir(&self.folder)
                .output()
        });
        let output = output.expect("curl is there");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    async fn socket(&self, user: &str) -> WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>> {
        let token = Process::token(user).sign();
        let url = format!("wss://127.0.0.1:{}/ws/chat?token={token}", self.port);
        let pem = std::fs::read(self.folder.path().join("certificate.pem")).expect("a file");
        let mut trusted = RootCertStore::empty();
        for certificate in load_certs(&mut pem.as_slice()).expect("certificates") {
            trusted.add(certificate).expect("it can be trusted");
        }
        let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(trusted)
            .with_no_client_auth();
        let connector = Connector::Rustls(Arc::new(client));
        let connecting = Box::pin(connect_async_tls_with_config(
            url,
            None,
            false,
            Some(connector),
        ));
        let (socket, _) = within("the socket", connecting).await.expect("it connects");
        socket
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Rocket's setting, relative to the working directory.
const TLS: &str = r#"{certs="certificate.pem",key="key.pem"}"#;

fn make_certificate(folder: &TempDir) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"])
        .args([
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-subj",
            "/CN=chattrix",
        ])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", "key.pem", "-out", "certificate.pem"])
        .current_dir(folder)
        .output()
        .expect("openssl is there");
    let errors = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{errors}");
}

#[rocket::async_test]
async fn a_call_goes_over_https_and_wss() {
    let server = Secure::start().await;
    let mut bob = server.socket("bob").await;
    let body = r#"{"calleeId":"bob","callType":"AUDIO","channelId":"secure"}"#;
    let json_body = ["--header", "Content-Type: application/json", "--data", body];
    let begun = server.curl("alice", "/api/v1/calls/initiate", &json_body);
    assert_eq!(begun["data"]["status"], "RINGING", "{begun}");
    let call = begun["data"]["id"].as_str().expect("an id");

    let invited = loop {
        let message = within("the invitation", bob.next()).await;
        let message = message.expect("a message");
        if let Message::Text(text) = message.expect("it is well formed") {
            let event: Value = serde_json::from_str(&text).expect("JSON");
            break event;
        }
    };
    assert_eq!(invited["type"], "call_invitation");
    assert_eq!(invited["data"]["callId"], call);
    let accept = json!({ "type": "call.accept", "payload": { "callId": call } });
    let accept = Message::text(accept.to_string());
    bob.send(accept).await.expect("it is sent");
    eventually("the call to be answered", async || {
        let details = server.curl("alice", &format!("/api/v1/calls/{call}"), &[]);
        details["data"]["status"] == "CONNECTING"
    })
    .await;
}

#[rocket::async_test]
async fn reload_takes_a_renewed_certificate() {
    let server = Secure::start().await;
    let certificate = || {
        tokio::task::block_in_place(|| {
            Command::new("openssl")
                .args([
                    "s_client",
                    "-connect",
                    &format!("127.0.0.1:{}", server.port),
                ])
                .stdin(Stdio::null())
                .output()
                .expect("openssl is there")
        })
    };
    let fingerprint = |shown: &Output| {
        let text = String::from_utf8_lossy(&shown.stdout).into_owned();
        let begin = text.find("-----BEGIN CERTIFICATE").expect("a certificate");
        text[begin..].split("-----END").next().map(str::to_owned)
    };
    let before = fingerprint(&certificate());
    let mut open = server.socket("bob").await;
    make_certificate(&server.folder);
    let cli = server.cli().with("CHATTRIX_JWT_SECRET", SECRET);
    cli.run(&["config", "reload"]).success();
    assert_ne!(fingerprint(&certificate()), before);
    server.curl("alice", "/api/v1/calls/active", &[]);
    let heartbeat = json!({ "type": "heartbeat", "payload": {} }).to_string();
    open.send(Message::text(heartbeat))
        .await
        .expect("it is open");
    assert!(within("an answer", open.next()).await.is_some());
}

#[rocket::async_test]
async fn without_tls_a_client_of_the_tls_port_gets_nothing() {
    let server = Secure::start().await;
    let url = format!("http://127.0.0.1:{}/healthz", server.port);
    let client = crate::support::http_client();
    let answer = within("the end", client.get(url).send()).await;
    assert!(answer.is_err(), "{answer:?}");
}
