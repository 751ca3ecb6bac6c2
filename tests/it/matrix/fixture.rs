//! Users by their role in a call, and calls in each status.

use chattrix::clock::ManualClock;
use chattrix::store::Database;
use chattrix::user::{AccountStatus, UserId};
use serde_json::json;

use crate::support::{Api, Socket, TestServer, call_in, initiate_body, wall_clock_hand};

/// User whom both participants of every call have blocked.
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
    /// Stranger whom both participants have blocked.
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

/// Server and its users. Each call takes a new pair of participants.
pub struct Fixture {
    pub server: TestServer,
    clock: ManualClock,
    pub stranger: Api,
    pub stranger_socket: Socket,
    pub blocked: Api,
    pub blocked_socket: Socket,
    pub disabled: Api,
    pairs: usize,
}

/// Call and its participants.
pub struct RoleCall {
    pub call: String,
    pub channel: String,
    pub caller: Api,
    pub callee: Api,
    /// Socket of the callee if the call is ringing.
    pub ringing: Option<Socket>,
}

impl Fixture {
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
            .change_user(&dave, clock.now(), |user| {
                user.standing = AccountStatus::Disabled;
            })
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

    /// Makes a call in `status`.
    pub async fn call(&mut self, status: &str) -> RoleCall {
        self.pairs += 1;
        let names = [
            format!("caller-{}", self.pairs),
            format!("callee-{}", self.pairs),
        ];
        let [caller, callee] = names.clone().map(|name| self.server.sign_in(&name));
        // A request creates the user.
        for user in [&caller, &callee] {
            let block = json!({ "userId": BLOCKED });
            user.post("/api/v1/users/blocks", &block).await.success(200);
        }
        let mut body = initiate_body(&names[1]);
        body["channelId"] = json!(names[0]);
        let (call, ringing) = call_in(status, [&caller, &callee], &body, &self.clock).await;
        RoleCall {
            call,
            channel: names[0].clone(),
            caller,
            callee,
            ringing,
        }
    }

    pub fn client(&self, call: &RoleCall, role: Role) -> Api {
        match role {
            Role::Caller => call.caller.clone(),
            Role::Callee => call.callee.clone(),
            Role::Stranger => self.stranger.clone(),
            Role::Blocked => self.blocked.clone(),
            Role::Disabled => self.disabled.clone(),
            Role::Nobody => self.server.anonymous(),
        }
    }
}
