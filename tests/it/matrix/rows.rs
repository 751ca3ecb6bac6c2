//! The rows: every route and message, who may use it and when.

use reqwest::Method;
use serde_json::{Value, json};

use super::world::Role;
use crate::support::initiate_body;

/// What is done to a call, over REST and, where there is a message for it, over the socket.
pub struct Deed {
    pub method: Method,
    pub path: &'static str,
    pub body: Value,
    pub message: Option<&'static str>,
    /// Who may do it.
    pub by: fn(Role) -> Right,
    /// Whether it can be done by that role in that status.
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

pub fn deeds() -> Vec<Deed> {
    let deed = |method, path, body, message, by, when| Deed {
        method,
        path,
        body,
        message,
        by,
        when,
    };
    let quality = json!({ "networkQuality": "GOOD" });
    let status = |status: &str| json!({ "status": status });
    vec![
        deed(Method::GET, "", Value::Null, None, participants, any),
        deed(
            Method::GET,
            "/quality",
            Value::Null,
            None,
            participants,
            any,
        ),
        deed(
            Method::POST,
            "/quality",
            quality,
            Some("call.quality"),
            participants,
            answered,
        ),
        deed(
            Method::POST,
            "/ringing",
            json!({}),
            None,
            the_callee,
            unanswered,
        ),
        deed(
            Method::POST,
            "/accept",
            json!({}),
            Some("call.accept"),
            the_callee,
            unanswered,
        ),
        deed(
            Method::POST,
            "/reject",
            json!({ "reason": "declined" }),
            Some("call.reject"),
            the_callee,
            unanswered,
        ),
        deed(
            Method::PATCH,
            "/status",
            status("CONNECTING"),
            None,
            the_callee_of_both,
            |_, status| status != "ACTIVE" && live(Role::Callee, status),
        ),
        deed(
            Method::PATCH,
            "/status",
            status("ACTIVE"),
            None,
            participants,
            answered,
        ),
        deed(
            Method::PATCH,
            "/status",
            status("ENDED"),
            None,
            participants,
            live,
        ),
        deed(
            Method::POST,
            "/end",
            json!({}),
            Some("call.end"),
            participants,
            live,
        ),
    ]
}

/// The one that is a message alone.
pub fn signal() -> Deed {
    Deed {
        method: Method::POST,
        path: "",
        body: json!({ "signal": 1 }),
        message: Some("call.signal"),
        by: participants,
        when: answered,
    }
}

/// The tokens for a call's channel.
pub const MEDIA: [&str; 2] = [
    "/api/v1/agora/token/generate",
    "/api/v1/agora/token/refresh",
];

/// What is about no call, as the document has it: the method, the path below `/api/v1`, with what stands for its
/// parameter, the body and the status of the success.
pub fn beside_calls() -> Vec<(Method, &'static str, &'static str, Value, u16)> {
    let (get, post, delete) = (Method::GET, Method::POST, Method::DELETE);
    let nothing = Value::Null;
    let erin = json!({ "userId": "erin" });
    let call = initiate_body("erin");
    vec![
        (post.clone(), "/calls/initiate", "", call, 201),
        (get.clone(), "/calls/active", "", nothing.clone(), 200),
        (get.clone(), "/calls/history", "", nothing.clone(), 200),
        (
            get.clone(),
            "/calls/history/unseen",
            "",
            nothing.clone(),
            200,
        ),
        (
            post.clone(),
            "/calls/history/seen",
            "",
            nothing.clone(),
            200,
        ),
        (delete.clone(), "/calls/history", "", nothing.clone(), 200),
        (get.clone(), "/calls/statistics", "", nothing.clone(), 200),
        (
            get.clone(),
            "/users/status/online",
            "",
            nothing.clone(),
            200,
        ),
        (
            get.clone(),
            "/users/status/{userId}",
            "carol",
            nothing.clone(),
            200,
        ),
        (post.clone(), "/users/blocks", "", erin.clone(), 200),
        (get.clone(), "/users/blocks", "", nothing.clone(), 200),
        (delete.clone(), "/users/blocks", "", erin.clone(), 200),
        (
            delete.clone(),
            "/users/blocks/{userId}",
            "erin",
            nothing.clone(),
            200,
        ),
        (post, "/contacts", "", erin.clone(), 200),
        (get.clone(), "/contacts", "", nothing.clone(), 200),
        (delete.clone(), "/contacts", "", erin, 200),
        (delete, "/contacts/{userId}", "erin", nothing.clone(), 200),
        (get, "/ice-servers", "", nothing, 200),
    ]
}

/// What everybody may see.
pub const OPEN: [&str; 5] = [
    "/api/openapi.json",
    "/api/asyncapi.json",
    "/healthz",
    "/readyz",
    "/metrics",
];
