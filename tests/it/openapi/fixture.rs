//! Users of the examples, and the status of their call.

use std::time::Duration;

use chattrix::clock::ManualClock;
use chattrix::settings::Settings;
use reqwest::Method;
use serde_json::Value;

use super::operation::{Operation, operations};
use crate::support::{Answer, Api, Socket, TestServer, another_call_id, wall_clock_hand};

/// What the examples are of: John Doe (`user-789`) calls `user-456`; `user-123` is a stranger.
pub struct ExampleFixture {
    // The clients go before the server, which would wait for them.
    ringing: Option<Socket>,
    pub caller: Api,
    pub callee: Api,
    pub stranger: Api,
    /// The team's backend, with an API key for everything.
    pub backend: Api,
    pub server: TestServer,
    pub clock: ManualClock,
    pub call: String,
}

impl ExampleFixture {
    /// Nobody calls anybody.
    pub async fn set() -> Self {
        Self::with(|_| ()).await
    }

    /// Nobody calls anybody, under settings changed by `change`.
    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
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
        let backend = server.backend("all");
        Self {
            server,
            clock,
            caller,
            callee,
            stranger,
            backend,
            call: another_call_id(),
            ringing: None,
        }
    }

    /// The call is asked for, while no device of the callee is connected.
    pub async fn initiating() -> Self {
        let mut fixture = Self::set().await;
        fixture.initiate().await;
        fixture
    }

    /// The call is asked for, and rings.
    pub async fn ringing() -> Self {
        Self::set().await.rung().await
    }

    async fn rung(mut self) -> Self {
        self.ringing = Some(self.callee.socket().await);
        self.initiate().await;
        self
    }

    async fn initiate(&mut self) {
        let operation = operation("initiateCall");
        let answer = self.send(&self.caller, operation, operation.body("video"));
        let call = answer.await.success(201);
        call["id"]
            .as_str()
            .expect("an id")
            .clone_into(&mut self.call);
    }

    /// The call rings, and so many seconds have passed since it was asked for.
    pub async fn ringing_for(seconds: u64) -> Self {
        let fixture = Self::ringing().await;
        fixture.clock.advance(Duration::from_secs(seconds));
        fixture
    }

    /// The call was accepted.
    pub async fn connecting() -> Self {
        Self::accepted_with(|_| ()).await
    }

    /// The call was accepted, under settings changed by `change`.
    pub async fn accepted_with(change: impl FnOnce(&mut Settings)) -> Self {
        let fixture = Self::with(change).await.rung().await;
        fixture.clock.advance(Duration::from_secs(15));
        fixture.callee.accept(&fixture.call).await.success(200);
        fixture
    }

    /// The call was accepted, and the caller has said that media flows.
    pub async fn active() -> Self {
        let fixture = Self::connecting().await;
        let active = fixture.caller.set_status(&fixture.call, "ACTIVE").await;
        active.success(200);
        fixture
    }

    /// They have talked, and the caller has hung up.
    pub async fn over() -> Self {
        let fixture = Self::talked().await;
        fixture.caller.end(&fixture.call).await.success(200);
        fixture
    }

    /// They have talked for as long as the examples say.
    pub async fn talked() -> Self {
        let fixture = Self::connecting().await;
        fixture.clock.advance(Duration::from_secs(125));
        fixture
    }

    /// Who may use `operation`: the caller of the call, or the backend.
    pub fn entitled(&self, operation: Operation) -> &Api {
        if operation.is_for_backends() {
            &self.backend
        } else {
            &self.caller
        }
    }

    /// Sends the request of `operation` for the call.
    pub async fn send(&self, who: &Api, operation: Operation, body: Option<Value>) -> Answer {
        let request = self.request(who, operation);
        who.send(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }

    /// Sends `body` as it is for `operation`.
    pub async fn send_text(&self, operation: Operation, body: String) -> Answer {
        let who = self.entitled(operation);
        let request = self.request(who, operation);
        who.send(
            request
                .header("content-type", "application/json")
                .body(body),
        )
        .await
    }

    /// The request of `operation` for the call.
    pub fn request(&self, who: &Api, operation: Operation) -> reqwest::RequestBuilder {
        let method =
            Method::from_bytes(operation.method.to_uppercase().as_bytes()).expect("a method");
        who.request(method, &operation.path_with(&[("callId", &self.call)]))
    }
}

fn operation(id: &str) -> Operation {
    operations()
        .find(|operation| operation.id() == id)
        .expect("it is documented")
}
