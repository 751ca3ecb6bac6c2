//! Messages of apps to the team's backend, which gets them as webhook `app.message`.

use std::num::NonZeroU32;
use std::time::Duration;

use chattrix::settings::Rate;
use chattrix::webhook_model::EventType;
use serde_json::json;

use crate::support::{Cli, Receiver, TestServer, eventually};

#[rocket::async_test]
async fn messages_of_an_app_reach_the_backend_in_order() {
    let mut receiver = Receiver::start().await;
    let plan = TestServer::plan().telling(&receiver).with(|settings| {
        settings.app_messages = true;
        settings.webhook_events = vec![EventType::AppMessage];
        settings.app_message_rate = Some(Rate {
            count: NonZeroU32::new(3).expect("not zero"),
            period: Duration::from_hours(3),
        });
    });
    let server = plan.start().await;
    let token = server.token("alice").session("phone");
    let mut phone = server.socket(&token).await;
    let data = r#"{"b":1.0, "a":12345678901234567890123}"#;
    let text = format!(r#"{{"type":"app.chat","payload": {data} }}"#);
    phone.send_text(text).await;
    phone.send("app.", &json!({})).await;
    let error = phone.expect_error("parse_error").await;
    let message = error["message"].as_str().expect("a sentence");
    assert!(message.starts_with("type: expected app. and"), "{message}");
    phone.send("app.typing", &json!(null)).await;
    let first = receiver.expect("app.message").await;
    let sent = &first.body["data"];
    assert_eq!(sent["user"]["id"], "alice");
    assert_eq!(
        (&sent["sessionId"], &sent["type"]),
        (&json!("phone"), &json!("app.chat"))
    );
    let raw = format!(r#""data":{data}"#);
    assert!(first.raw.contains(&raw), "{}", first.raw);
    let second = receiver.expect("app.message").await;
    assert_eq!(second.body["data"]["type"], "app.typing");
    assert_eq!(second.body["data"]["data"], json!(null));
    // What was delivered is not kept.
    let cli = Cli::beside(&server);
    eventually("the messages to be deleted", async || {
        cli.json(&["webhook", "list", "--messages"]) == json!([])
    })
    .await;
    // The rate is that of the session.
    phone.send("app.chat", &json!(1)).await;
    phone.send("app.chat", &json!(2)).await;
    phone.expect_error("rate_limited").await;
    receiver.expect("app.message").await;
    let mut tablet = server
        .socket(&server.token("alice").session("tablet"))
        .await;
    tablet.send("app.chat", &json!(3)).await;
    let third = receiver.expect("app.message").await;
    assert_eq!(third.body["data"]["sessionId"], "tablet");
}

#[rocket::async_test]
async fn without_the_setting_the_type_is_unknown() {
    let server = TestServer::start().await;
    let mut alice = server.sign_in("alice").socket().await;
    alice.send("call.dance", &json!({})).await;
    let unknown = alice.expect_error("parse_error").await;
    alice.send("app.chat", &json!({})).await;
    let refused = alice.expect_error("parse_error").await;
    let expected = unknown["message"].as_str().expect("a sentence");
    assert_eq!(
        refused["message"],
        expected.replace("call.dance", "app.chat")
    );
    let server = TestServer::with(|settings| settings.app_messages = true).await;
    let mut alice = server.sign_in("alice").socket().await;
    alice.send("app.chat", &json!({})).await;
    let refused = alice.expect_error("not_configured").await;
    assert_eq!(
        refused["message"],
        "No webhook endpoint receives app.message"
    );
}
