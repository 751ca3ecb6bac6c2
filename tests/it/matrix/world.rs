//! Who asks, and of which call: one in each status.

use std::time::Duration;

use chattrix::clock::ManualClock;
use chattrix::store::Database;
use chattrix::user::{AccountStatus, UserId};
use serde_json::json;

use crate::support::{Api, Socket, TestServer, eventually, initiate_body, wall_clock_hand};

/// A user whom everybody has blocked who is in a call.
const BLOCKED: &str = "mallory";

pub const STATUSES: [&str; 7] = [
    "INITIATING",
    "RINGING",
    "CONNECTING",
    "ACTIVE",
    "ENDED",
    "REJECTED",
    "MISSED",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Caller,
    Callee,
    Stranger,
    /// A stranger whom both participants have blocked.
    Blocked,
    Disabled,
    Nobody,
}

pub const ROLES: [Role; 6] = [
    Role::Nobody,
    Role::Disabled,
    Role::Blocked,
    Role::Stranger,
    Role::Callee,
    Role::Caller,
];

/// A server and its users, of whom each call takes a new pair.
pub struct World {
    pub server: TestServer,
    clock: ManualClock,
    pub stranger: Api,
    pub stranger_socket: Socket,
    pub blocked: Api,
    pub blocked_socket: Socket,
    pub disabled: Api,
    pairs: usize,
}

/// A call in some status.
pub struct Scene {
    pub call: String,
    pub channel: String,
    pub caller: Api,
    pub callee: Api,
    /// The callee's socket, where the call is ringing.
    pub ringing: Option<Socket>,
}

impl World {
    pub async fn new() -> Self {
        let clock = wall_clock_hand();
        let server = TestServer::plan()
            .with(|s| {
                s.auto_provision = true;
                s.agora_app_id = Some("0123456789abcdef".repeat(2));
                s.agora_app_certificate = Some("0123456789abcdef".repeat(2).into());
            })
            .clock(&clock)
            .start()
            .await;
        let disabled = server.sign_in("dave");
        let database = Database::open(&server.database()).expect("opened");
        let dave = UserId::parse("dave").expect("an id");
        database
            .set_standing(&dave, AccountStatus::Disabled)
            .expect("disabled");
        let [stranger, blocked] = ["carol", BLOCKED].map(|user| server.sign_in(user));
        Self {
            stranger_socket: stranger.socket().await,
            stranger,
            blocked_socket: blocked.socket().await,
            blocked,
            disabled,
            clock,
            server,
            pairs: 0,
        }
    }

    /// A new call in `status`.
    pub async fn scene(&mut self, status: &str) -> Scene {
        self.pairs += 1;
        let names = [
            format!("caller-{}", self.pairs),
            format!("callee-{}", self.pairs),
        ];
        let [caller, callee] = names.clone().map(|name| self.server.sign_in(&name));
        // Users are made when they first come.
        for user in [&caller, &callee] {
            let block = json!({ "userId": BLOCKED });
            user.post("/api/v1/users/blocks", &block).await.success(200);
        }
        let ringing = if status == "RINGING" {
            Some(callee.socket().await)
        } else {
            None
        };
        let mut body = initiate_body(&names[1]);
        body["channelId"] = json!(names[0]);
        let call = caller.initiate_with(&body).await.success(201);
        let call = call["id"].as_str().expect("an id").to_owned();
        match status {
            "INITIATING" | "RINGING" => {}
            "REJECTED" => drop(callee.reject(&call, "busy").await.success(200)),
            "MISSED" => {
                self.clock.advance(Duration::from_mins(1));
                eventually("the call to be missed", async || {
                    caller.status_of(&call).await == "MISSED"
                })
                .await;
            }
            _ => {
                callee.accept(&call).await.success(200);
                if status == "ACTIVE" {
                    caller.set_status(&call, "ACTIVE").await.success(200);
                } else if status == "ENDED" {
                    caller.end(&call).await.success(200);
                }
            }
        }
        assert_eq!(caller.status_of(&call).await, status);
        Scene {
            call,
            channel: names[0].clone(),
            caller,
            callee,
            ringing,
        }
    }

    pub fn client(&self, scene: &Scene, role: Role) -> Api {
        match role {
            Role::Caller => scene.caller.clone(),
            Role::Callee => scene.callee.clone(),
            Role::Stranger => self.stranger.clone(),
            Role::Blocked => self.blocked.clone(),
            Role::Disabled => self.disabled.clone(),
            Role::Nobody => self.server.anonymous(),
        }
    }
}
