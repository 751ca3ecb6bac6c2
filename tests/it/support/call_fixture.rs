//! A server, its users and a call in a given status.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use chattrix::clock::ManualClock;
use serde_json::Value;

use super::{Api, Socket, TestServer, Users, eventually, initiate_body, wall_clock_hand};

/// Call from Alice to Bob on a server of its own, and its [`Users`], whom only REST connects.
pub struct CallFixture {
    users: Users,
    /// Id of the call.
    pub call: String,
    /// Clock of the server.
    pub clock: ManualClock,
    /// Socket of the callee if the call is ringing.
    _ringing: Option<Socket>,
    pub server: TestServer,
}

impl CallFixture {
    /// Makes a call in `status`.
    pub async fn with_call(status: &str) -> Self {
        // Boxed: the future of all these steps is large.
        Box::pin(Self::make(status)).await
    }

    async fn make(status: &str) -> Self {
        let clock = wall_clock_hand();
        let server = TestServer::plan().clock(&clock).start().await;
        let users = Users::disconnected(&server);
        let body = initiate_body("bob");
        let (call, ringing) = call_in(status, [&users.alice, &users.bob], &body, &clock).await;
        Self {
            users,
            call,
            clock,
            _ringing: ringing,
            server,
        }
    }
}

impl Deref for CallFixture {
    type Target = Users;

    fn deref(&self) -> &Users {
        &self.users
    }
}

impl DerefMut for CallFixture {
    fn deref_mut(&mut self) -> &mut Users {
        &mut self.users
    }
}

/// Initiates a call with `body` and brings it into `status`: its id, and the callee's socket if it is ringing.
pub async fn call_in(
    status: &str,
    [caller, callee]: [&Api; 2],
    body: &Value,
    clock: &ManualClock,
) -> (String, Option<Socket>) {
    let mut ringing = None;
    if status == "RINGING" {
        ringing = Some(callee.socket().await);
    }
    let call = caller.initiate_with(body).await.success(201);
    let call = call["id"].as_str().expect("an id").to_owned();
    match status {
        "INITIATING" | "RINGING" => {}
        "REJECTED" => drop(callee.reject(&call, "declined").await.success(200)),
        "MISSED" => {
            clock.advance(Duration::from_secs(61));
            eventually("the call to be missed", async || {
                caller.status_of(&call).await == "MISSED"
            })
            .await;
        }
        _ => drop(callee.accept(&call).await.success(200)),
    }
    match status {
        "ACTIVE" => drop(caller.set_status(&call, "ACTIVE").await.success(200)),
        "ENDED" => drop(caller.end(&call).await.success(200)),
        _ => {}
    }
    assert_eq!(caller.status_of(&call).await, status);
    (call, ringing)
}

/// Returns a well-formed call id that no call has.
pub fn another_call_id() -> String {
    uuid::Uuid::now_v7().to_string()
}
