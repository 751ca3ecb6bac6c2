//! Tables of every route and message: who may use it and when.

use reqwest::Method;
use serde_json::Value;

use super::fixture::Role;
use crate::support::initiate_body;

/// Action on a call over REST and, if it has a message, over the socket.
pub struct CallAction {
    pub method: Method,
    pub path: &'static str,
    pub body: Value,
    pub message: Option<&'static str>,
    /// Right of a role.
    pub by: fn(Role) -> Right,
    /// Whether that role may do it in that status.
    pub when: fn(Role, &str) -> bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    Yes,
    OnlyTheCallee,
    OnlyAParticipant,
}

fn participants(role: Role) -> Right {
    match role {
        Role::Caller | Role::Callee => Right::Yes,
        Role::Stranger | Role::Blocked | Role::Disabled | Role::Nobody => Right::OnlyAParticipant,
    }
}

fn the_callee(role: Role) -> Right {
    match role {
        Role::Callee => Right::Yes,
        Role::Caller | Role::Stranger | Role::Blocked | Role::Disabled | Role::Nobody => {
            Right::OnlyTheCallee
        }
    }
}

/// PATCH CONNECTING: a stranger is no participant, the caller is not the callee.
fn the_callee_of_both(role: Role) -> Right {
    match role {
        Role::Callee => Right::Yes,
        Role::Caller => Right::OnlyTheCallee,
        Role::Stranger | Role::Blocked | Role::Disabled | Role::Nobody => Right::OnlyAParticipant,
    }
}

fn unanswered(_: Role, status: &str) -> bool {
    ["INITIATING", "RINGING"].contains(&status)
}

fn answered(_: Role, status: &str) -> bool {
    ["CONNECTING", "ACTIVE"].contains(&status)
}

pub fn live(role: Role, status: &str) -> bool {
    unanswered(role, status) || answered(role, status)
}

fn any(_: Role, _: &str) -> bool {
    true
}

/// Actions on a call: method, path after the call's, body, message on the socket, who may, and in which status.
const ACTIONS: &str = r#"
    GET   .         -                            -             participant   any
    GET   /quality  -                            -             participant   any
    POST  /quality  {"networkQuality":"GOOD"}    call.quality  participant   answered
    POST  /ringing  {}                           -             callee        unanswered
    POST  /accept   {}                           call.accept   callee        unanswered
    POST  /reject   {"reason":"declined"}        call.reject   callee        unanswered
    PATCH /status   {"status":"CONNECTING"}      -             patch-callee  not-active
    PATCH /status   {"status":"ACTIVE"}          -             participant   answered
    PATCH /status   {"status":"ENDED"}           -             participant   live
    POST  /end      {}                           call.end      participant   live
"#;

pub fn actions() -> Vec<CallAction> {
    ACTIONS.trim().lines().map(action).collect()
}

fn action(row: &'static str) -> CallAction {
    let [method, path, body, message, by, when] = cells(row);
    CallAction {
        method: method.parse().expect("a method"),
        path: path.trim_start_matches('.'),
        body: json(body),
        message: Some(message).filter(|message| *message != "-"),
        by: match by {
            "participant" => participants,
            "callee" => the_callee,
            "patch-callee" => the_callee_of_both,
            other => panic!("{other}"),
        },
        when: match when {
            "any" => any,
            "unanswered" => unanswered,
            "answered" => answered,
            "live" => live,
            "not-active" => |role, status| status != "ACTIVE" && live(role, status),
            other => panic!("{other}"),
        },
    }
}

fn cells<const N: usize>(row: &'static str) -> [&'static str; N] {
    let cells: Vec<_> = row.split_whitespace().collect();
    cells.try_into().expect("a cell for each column")
}

/// Returns the value of a cell; null for `-`.
fn json(cell: &str) -> Value {
    serde_json::from_str(&cell.replace('-', "null")).expect("JSON")
}

/// The action that only a message has.
pub fn signal() -> CallAction {
    action(r#"POST . {"signal":1} call.signal participant answered"#)
}

/// Routes of tokens for a call's channel.
pub const MEDIA: [&str; 2] = [
    "/api/v1/agora/token/generate",
    "/api/v1/agora/token/refresh",
];

/// Routes that are not about one call: method, path below `/api/v1`, value of its parameter, body, status of the success.
const OTHER_ROUTES: &str = r#"
    POST   /calls/initiate         -      call               201
    GET    /calls/active           -      -                  200
    GET    /calls/history          -      -                  200
    GET    /calls/history/unseen   -      -                  200
    POST   /calls/history/seen     -      -                  200
    DELETE /calls/history          -      -                  200
    GET    /calls/statistics       -      -                  200
    GET    /users/status/online    -      -                  200
    GET    /users/status/{userId}  carol  -                  200
    GET    /users/me/availability  -      -                  200
    PUT    /users/me/availability  -      {"status":"available"}  200
    POST   /users/blocks           -      {"userId":"erin"}  200
    GET    /users/blocks           -      -                  200
    DELETE /users/blocks           -      {"userId":"erin"}  200
    DELETE /users/blocks/{userId}  erin   -                  200
    POST   /contacts               -      {"userId":"erin"}  200
    GET    /contacts               -      -                  200
    DELETE /contacts               -      {"userId":"erin"}  200
    DELETE /contacts/{userId}      erin   -                  200
    GET    /ice-servers            -      -                  200
"#;

pub fn beside_calls() -> Vec<(Method, &'static str, &'static str, Value, u16)> {
    let rows = OTHER_ROUTES.trim().lines().map(|row| {
        let [method, path, parameter, body, status] = cells(row);
        let body = match body {
            "call" => initiate_body("erin"),
            body => json(body),
        };
        let method = method.parse().expect("a method");
        (
            method,
            path,
            parameter,
            body,
            status.parse().expect("a status"),
        )
    });
    rows.collect()
}

/// Routes without a token.
pub const OPEN: [&str; 5] = [
    "/api/openapi.json",
    "/api/asyncapi.json",
    "/healthz",
    "/readyz",
    "/metrics",
];
