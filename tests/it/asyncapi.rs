//! `/api/asyncapi.json`: contract section 4. The sockets of all tests check every message against it; here, the
//! document must be whole and valid, and its examples must be the exact messages.

use std::collections::BTreeSet;
use std::time::Duration;

use chattrix::clock::ManualClock;
use serde_json::{Value, json};

use crate::support::document::{assert_valid, asyncapi, openapi, resolve};
use crate::support::{Api, Socket, TestServer, another_call_id, wall_clock_hand};

/// The call id of all examples.
const EXAMPLE_CALL: &str = "018d0cab-c440-7abc-8def-0123456789ab";

fn messages() -> impl Iterator<Item = (&'static str, &'static Value)> {
    let messages = asyncapi()["components"]["messages"].as_object();
    messages
        .expect("messages")
        .iter()
        .map(|(key, message)| (key.as_str(), message))
}

/// The examples of a message: name and whole message.
fn examples(message: &'static Value) -> impl Iterator<Item = (&'static str, &'static Value)> {
    let examples = message["examples"].as_array().expect("examples");
    examples.iter().map(|example| {
        (
            example["name"].as_str().expect("a name"),
            &example["payload"],
        )
    })
}

#[test]
fn the_document_is_asyncapi_3_of_this_version() {
    assert_eq!(asyncapi()["asyncapi"], "3.0.0");
    assert_eq!(asyncapi()["info"]["version"], env!("CARGO_PKG_VERSION"));
    let channel = &asyncapi()["channels"]["chat"];
    assert_eq!(channel["address"], "/ws/chat");
    let operations = asyncapi()["operations"].as_object().expect("operations");
    for (key, message) in messages() {
        assert!(
            message["name"].is_string() && message["description"].is_string(),
            "{key}"
        );
        let of_channel = resolve(asyncapi(), &channel["messages"][key]);
        assert_eq!(of_channel, message, "{key} is on the channel");
        let operation = &operations[key];
        assert_eq!(
            operation["messages"][0]["$ref"],
            format!("#/channels/chat/messages/{key}")
        );
        assert_eq!(resolve(asyncapi(), &operation["channel"]), channel);
        // The server's events have `data`, its answers these types.
        let from_client = message["payload"]["properties"].get("payload").is_some()
            && !["call_error", "heartbeat.ack", "session.refreshed"]
                .contains(&message["name"].as_str().expect("text"));
        assert_eq!(
            operation["action"],
            if from_client { "receive" } else { "send" },
            "{key}"
        );
    }
    assert_eq!(operations.len(), messages().count());
}

#[test]
fn every_example_is_as_documented() {
    for (key, message) in messages() {
        for (name, example) in examples(message) {
            assert_valid(
                &format!("message {key}"),
                asyncapi(),
                &message["payload"],
                example,
            );
            let kind = example["type"].as_str().expect("a type");
            let is_app = message["name"] == "app.*" && kind.starts_with("app.");
            assert!(is_app || message["name"] == kind, "{key} {name}");
        }
    }
}

#[test]
fn both_documents_mean_the_same_by_the_same_name() {
    let rest = openapi()["components"]["schemas"]
        .as_object()
        .expect("schemas");
    for (name, schema) in asyncapi()["components"]["schemas"]
        .as_object()
        .expect("schemas")
    {
        assert!(rest.get(name).is_none_or(|same| same == schema), "{name}");
    }
}

/// John Doe (`user-789`) and `user-456` play the examples, and which ones they have played.
struct ExampleFixture {
    // The clients go before the server, which would wait for them.
    caller: Api,
    at_caller: Socket,
    at_callee: Socket,
    server: TestServer,
    clock: ManualClock,
    call: String,
    played: BTreeSet<(&'static str, &'static str)>,
}

impl ExampleFixture {
    async fn set() -> Self {
        let clock = wall_clock_hand();
        let server = TestServer::plan()
            .clock(&clock)
            .with(|settings| settings.app_messages = true)
            .user(
                "user-789",
                "John Doe",
                Some("https://example.com/avatar.jpg"),
            )
            .user("user-456", "The Callee", None)
            .start()
            .await;
        let caller = server.sign_in("user-789");
        let (at_caller, at_callee) = (
            caller.socket().await,
            server.sign_in("user-456").socket().await,
        );
        let (call, played) = (another_call_id(), BTreeSet::new());
        Self {
            caller,
            at_caller,
            at_callee,
            server,
            clock,
            call,
            played,
        }
    }

    /// The caller asks for the call of the examples.
    async fn initiate(&mut self) {
        let body = &openapi()["paths"]["/api/v1/calls/initiate"]["post"]["requestBody"]["content"]
            ["application/json"]["examples"]["video"]["value"];
        let call = self.caller.initiate_with(body).await.success(201);
        call["id"]
            .as_str()
            .expect("an id")
            .clone_into(&mut self.call);
        self.callee_hears("callInvitation", "video").await;
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// The example, with the id of the call that is played.
    fn example(&mut self, key: &str, name: &str) -> Value {
        let (key, message) = messages()
            .find(|(found, _)| *found == key)
            .expect("a message");
        let (name, example) = examples(message)
            .find(|(found, _)| *found == name)
            .expect("an example");
        self.played.insert((key, name));
        let text = example.to_string().replace(EXAMPLE_CALL, &self.call);
        serde_json::from_str(&text).expect("it was JSON before")
    }

    async fn caller_says(&mut self, key: &str, name: &str) {
        let example = self.example(key, name);
        self.at_caller.send_json(&example).await;
    }

    async fn callee_says(&mut self, key: &str, name: &str) {
        let example = self.example(key, name);
        self.at_callee.send_json(&example).await;
    }

    async fn caller_hears(&mut self, key: &str, name: &str) {
        let example = self.example(key, name);
        assert_eq!(hears(&mut self.at_caller, &example).await, example);
    }

    async fn callee_hears(&mut self, key: &str, name: &str) {
        let example = self.example(key, name);
        assert_eq!(hears(&mut self.at_callee, &example).await, example);
    }
}

/// The next message, which must be of the example's type.
async fn hears(socket: &mut Socket, example: &Value) -> Value {
    socket
        .expect_message(example["type"].as_str().expect("a type"))
        .await
}

/// A call that is accepted, goes over bad networks, and is ended by a client that has counted.
async fn talks(fixture: &mut ExampleFixture) {
    fixture.initiate().await;
    fixture.pass(15);
    fixture.callee_says("callAccept", "accept").await;
    fixture.caller_hears("callAccepted", "accepted").await;
    fixture.callee_says("callQuality", "measured").await;
    fixture.caller_hears("callQualityWarning", "poor").await;
    fixture.caller_says("callQuality", "agora").await;
    let warning = fixture.at_callee.expect("call_quality_warning").await;
    assert_eq!(warning["quality"], "BAD");
    fixture.caller_says("callSignal", "offer").await;
    fixture.callee_hears("callSignalled", "offer").await;
    fixture.pass(125);
    fixture.caller_says("callEnd", "duration").await;
    fixture.callee_hears("callEnded", "ended").await;
}

async fn is_rejected(fixture: &mut ExampleFixture) {
    fixture.initiate().await;
    fixture.pass(5);
    fixture.callee_says("callReject", "busy").await;
    fixture.caller_hears("callRejected", "busy").await;
}

async fn is_given_up(fixture: &mut ExampleFixture) {
    fixture.initiate().await;
    fixture.pass(5);
    fixture.caller_says("callEnd", "no_duration").await;
    fixture.callee_hears("callEnded", "given_up").await;
}

/// The time passes while the server is down: it is told of as soon as there is somebody to tell.
async fn times_out(fixture: &mut ExampleFixture) {
    fixture.initiate().await;
    fixture.server.stop().await;
    fixture.pass(60);
    fixture.server.start_again().await;
    fixture.at_caller = fixture.caller.socket().await;
    fixture.caller_hears("callTimeout", "timeout").await;
    fixture.at_callee = fixture.server.sign_in("user-456").socket().await;
    fixture.callee_hears("callTimeout", "timeout").await;
}

async fn is_refused(fixture: &mut ExampleFixture) {
    fixture.callee_says("callAccept", "accept").await;
    fixture.callee_hears("callError", "call_not_found").await;
    fixture.initiate().await;
    fixture.caller_says("callAccept", "accept").await;
    fixture.caller_hears("callError", "unauthorized").await;
    fixture.callee_says("callAccept", "accept").await;
    fixture.at_caller.expect("call_accepted").await;
    fixture.callee_says("callAccept", "accept").await;
    fixture.callee_hears("callError", "invalid_status").await;
    fixture.at_callee.send("call.dance", &json!({})).await;
    fixture.callee_hears("callError", "parse_error").await;
    fixture.callee_says("sessionRefresh", "refresh").await;
    fixture.callee_hears("callError", "unauthenticated").await;
}

/// The callee is in another call. The caller does not learn the id of the call that is refused.
async fn is_missed_while_busy(fixture: &mut ExampleFixture) {
    fixture.server.sign_in("user-456").call("alice").await;
    let answer = fixture.caller.initiate("user-456").await;
    answer.failure(409, "user_busy");
    let mut missed = fixture.at_callee.expect_message("call_missed").await;
    let call = missed["data"]["callId"].as_str().expect("an id");
    call.clone_into(&mut fixture.call);
    let example = fixture.example("callMissed", "busy");
    missed["data"]["callType"] = example["data"]["callType"].clone();
    assert_eq!(missed, example);
}

async fn is_sent_by_the_backend(fixture: &mut ExampleFixture) {
    let backend = fixture.server.backend("events");
    let sent = &openapi()["paths"]["/api/server/v1/users/{userId}/events"]["post"]["requestBody"];
    let body = &sent["content"]["application/json"]["examples"]["chat"]["value"];
    let path = "/api/server/v1/users/user-456/events";
    backend.post(path, body).await.success(200);
    fixture.callee_hears("appEvent", "chat").await;
    fixture.callee_says("appMessage", "chat").await;
    // No webhook endpoint is there.
    fixture.at_callee.expect_error("not_configured").await;
}

async fn goes_on(fixture: &mut ExampleFixture) {
    fixture.callee_says("heartbeat", "heartbeat").await;
    fixture.callee_hears("heartbeatAck", "ack").await;
    let expiry = fixture.server.now().plus(Duration::from_hours(1));
    let token = fixture.server.token("user-456").session("phone");
    let token = token.expiring_at(expiry);
    fixture.at_callee = fixture.server.socket(&token).await;
    let mut refresh = fixture.example("sessionRefresh", "refresh");
    refresh["payload"]["token"] = token.sign().into();
    fixture.at_callee.send_json(&refresh).await;
    fixture.callee_hears("sessionRefreshed", "refreshed").await;
}

#[rocket::async_test]
async fn the_examples_are_what_is_said_and_none_is_left_out() {
    let mut played = BTreeSet::new();
    let mut fixture = ExampleFixture::set().await;
    Box::pin(talks(&mut fixture)).await;
    played.append(&mut fixture.played);
    for scene in 0..7 {
        let mut fixture = ExampleFixture::set().await;
        match scene {
            0 => Box::pin(is_rejected(&mut fixture)).await,
            1 => Box::pin(is_given_up(&mut fixture)).await,
            2 => Box::pin(times_out(&mut fixture)).await,
            3 => Box::pin(is_refused(&mut fixture)).await,
            4 => Box::pin(is_missed_while_busy(&mut fixture)).await,
            5 => Box::pin(is_sent_by_the_backend(&mut fixture)).await,
            _ => Box::pin(goes_on(&mut fixture)).await,
        }
        played.append(&mut fixture.played);
    }
    let documented = messages()
        .flat_map(|(key, message)| examples(message).map(move |(name, _)| (key, name)))
        .collect();
    assert_eq!(played, documented);
}

/// The code and the reason that the document gives for a close.
fn documented(code: u16) -> Vec<(u16, String)> {
    let codes = asyncapi()["channels"]["chat"]["x-close-codes"]
        .as_array()
        .expect("codes");
    codes
        .iter()
        .filter(|close| close["code"] == code)
        .map(|close| (code, close["reason"].as_str().expect("a reason").to_owned()))
        .collect()
}

#[rocket::async_test]
async fn sockets_are_closed_with_the_documented_codes_and_reasons() {
    let mut server = TestServer::start().await;
    let token = server.token("alice");
    let mut replaced = server.socket(&token).await;
    let mut too_long = server.socket(&token).await;
    let close = replaced.expect_close().await;
    assert_eq!(documented(4000), [close]);
    too_long.send_text(" ".repeat(70_000)).await;
    let close = too_long.expect_close().await;
    assert_eq!(documented(1009), [close]);
    let mut stopping = server.socket(&token).await;
    server.begin_to_end();
    let close = stopping.expect_close().await;
    assert_eq!(documented(1012), [close]);
    server.wait_for_the_end().await;
}
