//! `/api/openapi.json` and `/docs`: contract section 5. That every answer of every other test is as
//! documented is checked by the client of them all; here, that the document is whole and valid, and
//! that its examples are what the server answers, to the letter.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;

use chattrix::app;
use chattrix::clock::{Clock, ManualClock};
use chattrix::settings::{Rate, Settings};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::document::{assert_valid, asyncapi, openapi, resolve};
use crate::support::{
    Answer, Api, SECRET, Socket, TestServer, another_call_id, eventually, wall_clock_hand,
};

/// An operation of the document.
#[derive(Clone, Copy)]
struct Operation {
    method: &'static str,
    path: &'static str,
    described: &'static Value,
}

fn operations() -> impl Iterator<Item = Operation> {
    let paths = openapi()["paths"].as_object().expect("paths");
    paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().expect("a path item");
        item.iter().map(move |(method, described)| Operation {
            method,
            path,
            described,
        })
    })
}

impl Operation {
    fn of_id(id: &str) -> Self {
        operations()
            .find(|operation| operation.id() == id)
            .unwrap_or_else(|| panic!("{id} is not documented"))
    }

    fn id(&self) -> &'static str {
        self.described["operationId"].as_str().expect("an id")
    }

    /// The examples of its bodies, by name.
    fn bodies(&self) -> impl Iterator<Item = (&'static str, &'static Value)> + use<> {
        examples(&self.described["requestBody"]["content"]["application/json"])
    }

    /// The example `name` of its body, or the first, or none where it has no body.
    fn body(&self, name: &str) -> Option<Value> {
        let named = self.bodies().find(|(body, _)| *body == name);
        named
            .or_else(|| self.bodies().next())
            .map(|(_, body)| body.clone())
    }

    /// The examples of its JSON answers: status, name, value.
    fn answers(&self) -> impl Iterator<Item = (u16, &'static str, &'static Value)> + use<> {
        let responses = self.described["responses"].as_object().expect("responses");
        responses.iter().flat_map(|(status, response)| {
            let content = &resolve(openapi(), response)["content"]["application/json"];
            examples(content).map(|(name, value)| (status.parse().expect("a status"), name, value))
        })
    }
}

fn examples(content: &'static Value) -> impl Iterator<Item = (&'static str, &'static Value)> {
    let examples = content["examples"].as_object();
    let examples = examples.into_iter().flatten();
    examples.map(|(name, example)| (name.as_str(), &example["value"]))
}

/// Calls `visit` with every value in `value` and where it stands.
fn walk<'a>(value: &'a Value, place: &str, visit: &mut impl FnMut(&'a Value, &str)) {
    visit(value, place);
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                walk(field, &format!("{place}/{name}"), visit);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, &format!("{place}/{index}"), visit);
            }
        }
        _ => {}
    }
}

#[rocket::async_test]
async fn the_documents_are_served_to_everybody_as_they_are_printed() {
    let server = TestServer::start().await;
    for (path, document) in [
        ("/api/openapi.json", openapi()),
        ("/api/asyncapi.json", asyncapi()),
    ] {
        let answer = server.anonymous().get(path).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.body, *document);
    }
}

#[test]
fn the_document_is_openapi_3_1_of_this_version() {
    assert_eq!(openapi()["openapi"], "3.1.0");
    assert_eq!(openapi()["info"]["version"], env!("CARGO_PKG_VERSION"));
    for operation in operations() {
        let described = operation.described;
        for text in ["operationId", "summary", "description"] {
            assert!(described[text].is_string(), "{}: {text}", operation.id());
        }
        assert_path_parameters(operation);
        let tags = openapi()["tags"].as_array().expect("tags");
        assert!(
            tags.iter().any(|tag| tag["name"] == described["tags"][0]),
            "{}",
            operation.id()
        );
        for response in described["responses"]
            .as_object()
            .expect("responses")
            .values()
        {
            let response = resolve(openapi(), response);
            assert!(
                response["description"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty())
            );
        }
    }
    let ids: BTreeSet<_> = operations().map(|operation| operation.id()).collect();
    assert_eq!(ids.len(), operations().count(), "operation ids are unique");
}

/// The parameters of the path are declared, and no others as such.
fn assert_path_parameters(operation: Operation) {
    let parameters = operation.described["parameters"].as_array();
    let declared: BTreeSet<_> = parameters
        .into_iter()
        .flatten()
        .filter(|parameter| parameter["in"] == "path")
        .map(|parameter| {
            assert_eq!(parameter["required"], true);
            parameter["name"].as_str().expect("a name")
        })
        .collect();
    let steps = operation.path.split('/');
    let used: BTreeSet<_> = steps
        .filter_map(|step| step.strip_prefix('{')?.strip_suffix('}'))
        .collect();
    assert_eq!(declared, used, "{}", operation.id());
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_used_and_valid() {
    for document in [openapi(), asyncapi()] {
        let mut referred = BTreeSet::new();
        walk(document, "", &mut |value, place| {
            if value["$ref"].is_string() {
                assert!(!resolve(document, value).is_null(), "{place}");
                referred.insert(value["$ref"].as_str().expect("text"));
            }
        });
        for (name, schema) in document["components"]["schemas"]
            .as_object()
            .expect("schemas")
        {
            assert!(jsonschema::meta::is_valid(schema), "{name}");
            let reference = format!("#/components/schemas/{name}");
            assert!(referred.contains(reference.as_str()), "{name} is not used");
        }
    }
}

#[test]
fn every_example_is_as_documented() {
    for operation in operations() {
        let body = &operation.described["requestBody"]["content"]["application/json"];
        for (name, example) in operation.bodies() {
            let key = format!("{} body", operation.id());
            assert_valid(&key, openapi(), &body["schema"], example);
            assert!(!name.is_empty());
        }
        for (status, response) in operation.described["responses"]
            .as_object()
            .expect("responses")
        {
            let content = &resolve(openapi(), response)["content"]["application/json"];
            for (_, example) in examples(content) {
                let key = format!("{} {status}", operation.id());
                assert_valid(&key, openapi(), &content["schema"], example);
            }
        }
    }
    for (name, schema) in openapi()["components"]["schemas"]
        .as_object()
        .expect("schemas")
    {
        for example in schema["examples"].as_array().into_iter().flatten() {
            assert_valid(name, openapi(), schema, example);
        }
    }
}

#[rocket::async_test]
async fn every_route_is_documented_and_every_documented_route_is_there() {
    let directory = tempfile::tempdir().expect("a directory for the database");
    let settings = Settings {
        database: directory.path().join("chattrix.db"),
        jwt_secret: Some(SECRET.to_owned().into()),
        ..Settings::default()
    };
    let app =
        app::build(&settings, rocket::Config::figment(), Clock::System).expect("it can be built");
    let rocket = app.rocket.ignite().await.expect("it can be ignited");
    // What browsers ask before they ask, and the page that shows the documents, are no interface.
    let mounted: BTreeSet<_> = rocket
        .routes()
        .filter(|route| route.method != rocket::http::Method::Options)
        .map(|route| {
            (
                route.method.as_str().to_lowercase(),
                template(route.uri.as_str()),
            )
        })
        .filter(|(_, path)| !path.starts_with("/docs"))
        .collect();
    let documented: BTreeSet<_> = operations()
        .map(|operation| (operation.method.to_owned(), template(operation.path)))
        .collect();
    assert_eq!(documented, mounted);
}

/// `path` without the names of its parameters.
fn template(path: &str) -> String {
    let (path, _) = path.split_once('?').unwrap_or((path, ""));
    let steps: Vec<_> = path
        .split('/')
        .map(|step| {
            if step.starts_with(['<', '{']) {
                "*"
            } else {
                step
            }
        })
        .collect();
    steps.join("/")
}

/// What the examples are of: John Doe (`user-789`) calls `user-456`; `user-123` is a stranger.
struct Stage {
    server: TestServer,
    clock: ManualClock,
    caller: Api,
    callee: Api,
    stranger: Api,
    call: String,
    ringing: Option<Socket>,
}

impl Stage {
    async fn set() -> Self {
        Self::with(|_| ()).await
    }

    async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let clock = wall_clock_hand();
        let server = TestServer::plan()
            .clock(&clock)
            // Nobody is connected, and minutes pass.
            .with(|settings| settings.disconnect_grace = None)
            .with(change)
            .user(
                "user-789",
                "John Doe",
                Some("https://example.com/avatar.jpg"),
            )
            .user("user-456", "The Callee", None)
            .user("user-123", "Jane Smith", None)
            .start()
            .await;
        let [caller, callee, stranger] =
            ["user-789", "user-456", "user-123"].map(|user| server.sign_in(user));
        Self {
            server,
            clock,
            caller,
            callee,
            stranger,
            call: another_call_id(),
            ringing: None,
        }
    }

    /// The call is asked for, and rings.
    async fn ringing() -> Self {
        let mut stage = Self::set().await;
        stage.ringing = Some(stage.callee.socket().await);
        let operation = Operation::of_id("initiateCall");
        let call = stage
            .send(&stage.caller, operation, operation.body("video"))
            .await
            .success(201);
        call["id"]
            .as_str()
            .expect("an id")
            .clone_into(&mut stage.call);
        stage
    }

    /// The call rings, and so many seconds have passed since it was asked for.
    async fn ringing_for(seconds: u64) -> Self {
        let stage = Self::ringing().await;
        stage.clock.advance(Duration::from_secs(seconds));
        stage
    }

    /// The call was accepted.
    async fn connecting() -> Self {
        let stage = Self::ringing_for(15).await;
        stage.callee.accept(&stage.call).await.success(200);
        stage
    }

    /// They have talked for as long as the examples say.
    async fn talked() -> Self {
        let stage = Self::connecting().await;
        stage.clock.advance(Duration::from_secs(125));
        stage
    }

    /// Sends the request of `operation` for the call.
    async fn send(&self, who: &Api, operation: Operation, body: Option<Value>) -> Answer {
        let request = self.request(who, operation);
        who.send(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }

    async fn send_text(&self, operation: Operation, body: String) -> Answer {
        let request = self.request(&self.caller, operation);
        self.caller
            .send(
                request
                    .header("content-type", "application/json")
                    .body(body),
            )
            .await
    }

    fn request(&self, who: &Api, operation: Operation) -> reqwest::RequestBuilder {
        let method =
            Method::from_bytes(operation.method.to_uppercase().as_bytes()).expect("a method");
        who.request(method, &operation.path.replace("{callId}", &self.call))
    }
}

/// Makes the server give the example `name` of an answer to `operation`.
async fn play(operation: Operation, name: &str) -> Answer {
    match name {
        "unauthenticated" => {
            let stage = Stage::set().await;
            stage
                .send(&stage.server.anonymous(), operation, operation.body(""))
                .await
        }
        "rate_limited" => rate_limited(operation).await,
        "origin_not_allowed" => {
            let stage = Stage::set().await;
            let request = stage.request(&stage.caller, operation);
            stage
                .caller
                .send(request.header("origin", "https://elsewhere.example"))
                .await
        }
        "service_error" => service_error(operation).await,
        "unavailable" => unavailable(operation).await,
        "malformed" => {
            Stage::set()
                .await
                .send_text(operation, "{\"reason\":".to_owned())
                .await
        }
        "body_too_large" => {
            let body = json!({ "padding": " ".repeat(16 * 1024) });
            Stage::set()
                .await
                .send_text(operation, body.to_string())
                .await
        }
        "call_not_found" => {
            let stage = Stage::set().await;
            stage
                .send(&stage.caller, operation, operation.body(""))
                .await
        }
        _ => Box::pin(play_call(operation, name)).await,
    }
}

/// The second request of a user who may send one, or the second bad token of an address.
async fn rate_limited(operation: Operation) -> Answer {
    let rate = Rate {
        count: NonZeroU32::MIN,
        period: Duration::from_hours(1),
    };
    let stage = Stage::with(|settings| {
        settings.request_rate = Some(rate);
        settings.auth_failure_rate = Some(rate);
    })
    .await;
    let who = if operation.id() == "openSocket" {
        stage.server.anonymous()
    } else {
        stage.caller.clone()
    };
    stage.send(&who, operation, operation.body("")).await;
    stage.send(&who, operation, operation.body("")).await
}

/// Somebody has taken a table away.
async fn service_error(operation: Operation) -> Answer {
    let stage = Stage::set().await;
    let vandal = rusqlite::Connection::open(stage.server.database()).expect("the database opens");
    vandal
        .execute_batch("PRAGMA foreign_keys = OFF; ALTER TABLE users RENAME TO elsewhere")
        .expect("the table is renamed");
    stage
        .send(&stage.caller, operation, operation.body(""))
        .await
}

/// A socket that nobody reads makes the polite stop wait, so that the server can be seen stopping.
async fn unavailable(operation: Operation) -> Answer {
    let mut stage = Stage::set().await;
    let unread = stage.callee.socket().await;
    let stop = stage.server.stopper();
    let stopping = tokio::spawn(async move { stop.stop().await });
    let probe = stage.server.anonymous();
    eventually("the server to be not ready", async || {
        probe.get("/readyz").await.status == 503
    })
    .await;
    let answer = stage
        .send(&stage.caller, operation, operation.body(""))
        .await;
    drop(unread);
    stopping.await.expect("the stop ends");
    stage.server.wait_for_the_end().await;
    answer
}

/// The examples that are of one operation alone.
async fn play_call(operation: Operation, name: &str) -> Answer {
    let body = operation.body(name);
    let send = async |stage: Stage, who: fn(&Stage) -> &Api, body: Option<Value>| {
        stage.send(who(&stage), operation, body).await
    };
    match (operation.id(), name) {
        ("acceptCall", "connecting") => {
            send(Stage::ringing_for(15).await, |s| &s.callee, body).await
        }
        ("acceptCall" | "rejectCall", "invalid_status") => {
            send(Stage::connecting().await, |s| &s.callee, body).await
        }
        ("acceptCall" | "rejectCall", "unauthorized") => {
            send(Stage::ringing().await, |s| &s.caller, body).await
        }
        (_, "unauthorized") => send(Stage::ringing().await, |s| &s.stranger, body).await,
        ("rejectCall", "rejected") => send(Stage::ringing_for(5).await, |s| &s.callee, body).await,
        ("rejectCall", "wrong_field") => {
            send(
                Stage::ringing().await,
                |s| &s.callee,
                Some(json!({ "reason": "tired" })),
            )
            .await
        }
        ("endCall", "ended") => ended(operation).await,
        ("endCall", "given_up") => {
            send(
                Stage::ringing_for(5).await,
                |s| &s.caller,
                operation.body("empty"),
            )
            .await
        }
        ("endCall", "wrong_field") => {
            let body = Some(json!({ "durationSeconds": -1 }));
            send(Stage::ringing().await, |s| &s.caller, body).await
        }
        ("endCall", "invalid_status") => {
            let stage = Stage::talked().await;
            stage.caller.end(&stage.call).await.success(200);
            send(stage, |s| &s.caller, body).await
        }
        ("setCallStatus", "active") => send(Stage::connecting().await, |s| &s.caller, body).await,
        ("setCallStatus", "connecting") => {
            send(Stage::ringing_for(15).await, |s| &s.callee, body).await
        }
        ("setCallStatus", "ended") => send(Stage::talked().await, |s| &s.caller, body).await,
        ("setCallStatus", "wrong_field") => {
            send(
                Stage::ringing().await,
                |s| &s.caller,
                Some(json!({ "status": "MISSED" })),
            )
            .await
        }
        ("setCallStatus", "invalid_status") => {
            send(
                Stage::ringing().await,
                |s| &s.caller,
                operation.body("active"),
            )
            .await
        }
        ("setCallStatus", "not_the_callee") => {
            send(
                Stage::ringing().await,
                |s| &s.caller,
                operation.body("connecting"),
            )
            .await
        }
        ("getActiveCall", "active") => {
            let stage = Stage::connecting().await;
            stage
                .caller
                .set_status(&stage.call, "ACTIVE")
                .await
                .success(200);
            send(stage, |s| &s.callee, None).await
        }
        ("getActiveCall", "none") => send(Stage::set().await, |s| &s.caller, None).await,
        ("getCall", "ringing") => send(Stage::ringing().await, |s| &s.callee, None).await,
        ("getCall", "ended") => {
            let stage = Stage::talked().await;
            stage.caller.end(&stage.call).await.success(200);
            send(stage, |s| &s.caller, None).await
        }
        ("openSocket", "invalid_request") => send(Stage::set().await, |s| &s.caller, None).await,
        ("initiateCall", _) => play_initiate(operation, name).await,
        (id, _) => panic!("{id}: how the server comes to answer {name:?} is not known here"),
    }
}

/// Ended by a client that has counted, and by one that lets the server count: the answers are the same.
async fn ended(operation: Operation) -> Answer {
    let [counted, left_out] = [operation.body("duration"), operation.body("empty")];
    let stage = Stage::talked().await;
    let counted = stage.send(&stage.caller, operation, counted).await;
    let stage = Stage::talked().await;
    let left_out = stage.send(&stage.caller, operation, left_out).await;
    assert_eq!(without_ids(&counted.body), without_ids(&left_out.body));
    counted
}

async fn play_initiate(operation: Operation, name: &str) -> Answer {
    let stage = Stage::set().await;
    let mut body = operation.body("video").expect("an example of the body");
    match name {
        "initiating" => {}
        "ringing" => {
            let _ringing = stage.callee.socket().await;
            return stage.send(&stage.caller, operation, Some(body)).await;
        }
        "missing_field" => drop(body.as_object_mut().expect("an object").remove("calleeId")),
        "wrong_field" => body["callType"] = "FAX".into(),
        "own_number" => body["calleeId"] = "user-789".into(),
        "user_not_found" => body["calleeId"] = "nobody".into(),
        "key_reused" => {
            stage
                .caller
                .initiate_once("key-1", &body)
                .await
                .success(201);
            body["callType"] = "AUDIO".into();
            return stage.caller.initiate_once("key-1", &body).await;
        }
        "caller_busy" => {
            let _ringing = stage.stranger.socket().await;
            stage.caller.call("user-123").await;
            stage.clock.advance(Duration::from_secs(5));
            return stage.send(&stage.caller, operation, Some(body)).await;
        }
        "user_busy" => drop(stage.callee.call("user-123").await),
        _ => panic!("how the server comes to answer {name:?} is not known here"),
    }
    stage.send(&stage.caller, operation, Some(body)).await
}

/// `value` with every call id replaced by one and the same.
fn without_ids(value: &Value) -> Value {
    const LENGTH: usize = 36;
    let mut text = value.to_string();
    let mut start = 0;
    while start + LENGTH <= text.len() {
        let is_id = text
            .get(start..start + LENGTH)
            .is_some_and(|id| uuid::Uuid::parse_str(id).is_ok());
        if is_id {
            text.replace_range(start..start + LENGTH, "the call");
        }
        start += 1;
    }
    serde_json::from_str(&text).expect("it was JSON before")
}

async fn replay(id: &str) {
    let operation = Operation::of_id(id);
    let mut played = 0;
    for (status, name, example) in operation.answers() {
        let answer = Box::pin(play(operation, name)).await;
        assert_eq!(answer.status, status, "{id} {name}: {answer:?}");
        assert_eq!(
            without_ids(&answer.body),
            without_ids(example),
            "{id} {name}"
        );
        played += 1;
    }
    assert!(played > 0, "{id} has no examples");
}

#[rocket::async_test]
async fn the_examples_of_initiate_call_are_what_the_server_answers() {
    replay("initiateCall").await;
}

#[rocket::async_test]
async fn the_examples_of_accept_call_are_what_the_server_answers() {
    replay("acceptCall").await;
}

#[rocket::async_test]
async fn the_examples_of_reject_call_are_what_the_server_answers() {
    replay("rejectCall").await;
}

#[rocket::async_test]
async fn the_examples_of_end_call_are_what_the_server_answers() {
    replay("endCall").await;
}

#[rocket::async_test]
async fn the_examples_of_set_call_status_are_what_the_server_answers() {
    replay("setCallStatus").await;
}

#[rocket::async_test]
async fn the_examples_of_the_questions_about_calls_are_what_the_server_answers() {
    replay("getActiveCall").await;
    replay("getCall").await;
}

#[rocket::async_test]
async fn the_examples_of_the_rest_are_what_the_server_answers() {
    for id in ["openSocket", "isReady"] {
        replay(id).await;
    }
    let server = TestServer::start().await;
    for id in ["isAlive", "isReady"] {
        let operation = Operation::of_id(id);
        let answer = server.anonymous().get(operation.path).await;
        let example = &operation.described["responses"]["200"]["content"]["text/plain"]["example"];
        assert_eq!(answer.body, *example);
    }
}

#[test]
fn no_examples_are_left_out() {
    let replayed = BTreeSet::from([
        "initiateCall",
        "acceptCall",
        "rejectCall",
        "endCall",
        "setCallStatus",
        "getActiveCall",
        "getCall",
        "openSocket",
        "isReady",
    ]);
    let with_examples: BTreeSet<_> = operations()
        .filter(|operation| operation.answers().next().is_some())
        .map(|operation| operation.id())
        .collect();
    assert_eq!(with_examples, replayed);
}

#[rocket::async_test]
async fn the_page_is_served_whole_and_may_run_nothing_but_itself() {
    let server = TestServer::start().await;
    let page = fetch(&server, "/docs").await;
    assert_eq!(page.status(), 200);
    let policy = page.headers()["content-security-policy"]
        .to_str()
        .expect("ASCII")
        .to_owned();
    assert!(
        policy.contains("default-src 'none'") && policy.contains("script-src 'self'"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
    let html = page.text().await.expect("a page");
    assert!(
        !html.contains("://") && !html.contains("<style") && !html.contains(" style="),
        "{html}"
    );
    // Everything that it names is there.
    let named = html
        .split('"')
        .filter(|text| text.starts_with("docs/") || text.starts_with("api/"));
    let named: BTreeSet<_> = named.collect();
    assert!(named.len() >= 6, "{named:?}");
    for path in named {
        let file = fetch(&server, &format!("/{path}")).await;
        assert_eq!(file.status(), 200, "{path}");
        assert_ne!(
            file.headers()["content-type"],
            "text/html; charset=utf-8",
            "{path}"
        );
    }
}

#[rocket::async_test]
async fn the_page_with_a_slash_leads_to_the_one_without() {
    let server = TestServer::start().await;
    let page = fetch(&server, "/docs/").await;
    assert_eq!(page.url().path(), "/docs");
    assert_eq!(page.status(), 200);
}

async fn fetch(server: &TestServer, path: &str) -> reqwest::Response {
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    client
        .get(server.address().http(path))
        .send()
        .await
        .expect("an answer")
}
