//! Endpoints of webhooks with settings of their own, and the proxy to reach them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chattrix::settings::{NoProxy, WebhookSettings, webhook_secrets};
use chattrix::webhook_model::EventType;
use ring::hmac;

use crate::support::{Cli, Message, Receiver, TestServer, proxy, receiver_certificate, within};

const OWN_SECRET: &str = "whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";

/// Returns the header `webhook-signature` that `secrets` make for `message`.
pub fn signatures(message: &Message, secrets: &[&str]) -> String {
    let text = format!("{}.{}.{}", message.id, message.timestamp, message.raw);
    let signature = |secret: &&str| {
        let secret = secret.strip_prefix("whsec_").expect("a secret");
        let key = BASE64.decode(secret).expect("base64");
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let tag = hmac::sign(&key, text.as_bytes());
        format!("v1,{}", BASE64.encode(tag))
    };
    let signatures: Vec<_> = secrets.iter().map(signature).collect();
    signatures.join(" ")
}

fn signed_with(message: &Message, secret: &str) -> bool {
    message.signature == signatures(message, &[secret])
}

#[rocket::async_test]
async fn endpoint_has_its_own_secret_and_events() {
    let (mut all, mut own) = (Receiver::start().await, Receiver::start().await);
    let plan = TestServer::plan().telling(&all).with(|settings| {
        settings.webhook_events = vec![EventType::CallInitiated, EventType::CallEnded];
        settings.webhooks.push(WebhookSettings {
            url: own.url().parse().expect("a URL"),
            secret: webhook_secrets([OWN_SECRET].into_iter()).expect("a secret"),
            secret_file: None,
            events: Some(vec![EventType::CallEnded, EventType::CallMissed]),
        });
    });
    let server = plan.start().await;
    let alice = server.sign_in("alice");
    let call = alice.call("bob").await;
    alice.end(&call).await.success(200);
    let ended = own.expect("call.ended").await;
    assert!(signed_with(&ended, OWN_SECRET), "{}", ended.signature);
    all.expect("call.initiated").await;
    let same = all.expect("call.ended").await;
    assert!(!signed_with(&same, OWN_SECRET), "{}", same.signature);
    assert_eq!((same.id, same.raw), (ended.id, ended.raw));
    assert!(own.is_empty());
}

#[rocket::async_test]
async fn https_endpoint_is_reached_through_the_proxy() {
    let folder = tempfile::tempdir().expect("a folder");
    let [certificate, key] = receiver_certificate(folder.path());
    let mut receiver = Receiver::start_tls(&certificate, &key).await;
    let (proxy, mut requests) = proxy("200 Connection established").await;
    let plan = TestServer::plan().telling(&receiver).with(|settings| {
        settings.webhook_ca_file = Some(certificate);
        settings.https_proxy = Some(proxy);
    });
    let server = plan.start().await;
    server.sign_in("alice").call("bob").await;
    receiver.expect("call.initiated").await;
    let request = within("a request", requests.recv()).await;
    let request = request.expect("the proxy stands");
    let connect = format!("CONNECT localhost:{} HTTP/1.1\r\n", receiver.port());
    assert!(request.starts_with(&connect), "{request}");
    let authorization = "authorization: basic dxnlcjpwyxnz";
    assert!(request.to_lowercase().contains(authorization), "{request}");
}

#[rocket::async_test]
async fn no_proxy_and_http_endpoints_are_reached_directly() {
    let folder = tempfile::tempdir().expect("a folder");
    let [certificate, key] = receiver_certificate(folder.path());
    let mut secure = Receiver::start_tls(&certificate, &key).await;
    let mut plain = Receiver::start().await;
    let (proxy, mut requests) = proxy("502 Bad Gateway").await;
    let plan = TestServer::plan().telling(&secure).telling(&plain);
    let plan = plan.with(|settings| {
        settings.webhook_ca_file = Some(certificate);
        settings.https_proxy = Some(proxy);
        settings.no_proxy = vec![NoProxy::Domain("localhost".to_owned())];
    });
    let server = plan.start().await;
    server.sign_in("alice").call("bob").await;
    secure.expect("call.initiated").await;
    plain.expect("call.initiated").await;
    assert!(requests.try_recv().is_err());
}

#[rocket::async_test]
async fn refusal_of_the_proxy_is_a_failed_attempt() {
    let receiver = Receiver::start().await;
    let (proxy, mut requests) = proxy("407 Proxy Authentication Required").await;
    let plan = TestServer::plan().telling(&receiver).with(|settings| {
        settings.webhook_url = vec!["https://localhost:1/".parse().expect("a URL")];
        settings.https_proxy = Some(proxy);
    });
    let server = plan.start().await;
    server.sign_in("alice").call("bob").await;
    for _ in 0..2 {
        let request = within("an attempt", requests.recv()).await;
        assert!(
            request
                .expect("the proxy stands")
                .starts_with("CONNECT localhost:1 ")
        );
    }
    let listed = Cli::beside(&server).run(&["webhook", "list", "--messages", "--json"]);
    let failure = "no connection to localhost through https_proxy 127.0.0.1:";
    assert!(listed.success().contains(failure));
}
