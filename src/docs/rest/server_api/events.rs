//! Events to users.

use serde_json::json;
use utoipa::openapi::path::HttpMethod;

use crate::api_key::Scope;
use crate::docs::{example, schemas};
use crate::user::UserId;
use crate::wire::server_api::events::{self as shape, Sent};

use super::super::{Description, Example, Route, success};
use super::{TAG, body_up_to, idempotency_key, key_reused, no_user, of_body_up_to, user_id};

/// Longest body.
const LIMIT: &str = "512 KiB";

const MESSAGE: &str = "Event sent successfully";

pub(super) fn routes() -> Vec<Route> {
    vec![send(), send_to_several()]
}

fn sent(user: &UserId, sessions: usize) -> Sent<'_> {
    Sent {
        user,
        reached: sessions,
        confirmed: sessions,
    }
}

fn send() -> Route {
    let caller = example::caller().id;
    let on_two_devices = shape::sent(MESSAGE, [sent(&caller, 2)]);
    let offline = shape::sent(MESSAGE, [sent(&caller, 0)]);
    Description {
        tag: TAG,
        id: "sendEvent",
        summary: "Send an event to a user",
        description: "Each session of the user gets the WebSocket message `{type, data, timestamp}`, in order with the events of \
            calls. The answer counts the sessions that the event was sent to, and those that confirmed it within a second \
            (or `confirm_timeout`, if that is shorter). Without `keepFor`, only sessions that are connected get the event, \
            at most once. With `keepFor` it is stored until a session of the user confirms it, and a session that \
            connects meanwhile gets it as it gets the events of calls: in order, and again if it had not confirmed it. \
            The newest 32 events are kept for each user.",
        parameters: vec![user_id("user-789"), idempotency_key()],
        body: Some(body_up_to::<shape::SendBody>(LIMIT, [Example(
            "chat",
            "A message of a chat, kept for a minute.",
            json!({ "type": "app.chat", "data": { "from": "user-456", "text": "Hello" }, "keepFor": 60 }),
        )])),
        success: success(
                "The event was sent.",
                MESSAGE,
                schemas::of::<shape::SentShape>(),
                [
                    Example(
                        "connected",
                        "The user has two devices.",
                        example::value(&on_two_devices),
                    ),
                    Example(
                        "offline",
                        "The user is not connected.",
                        example::value(&offline),
                    ),
                ],
            ),
        refusals: [
            of_body_up_to(LIMIT, shape::read(b"{}").expect_err("no type")),
            vec![key_reused(), no_user()],
        ]
        .concat(),
    }
    .for_backends(
        Scope::Events,
        HttpMethod::Post,
        "/api/server/v1/users/{userId}/events",
    )
}

fn send_to_several() -> Route {
    let (caller, callee) = (example::caller().id, example::callee());
    let nobody = [example::nobody()];
    let shown = shape::sent_to_several(MESSAGE, [sent(&caller, 1), sent(&callee, 0)], &nobody);
    Description {
        tag: TAG,
        id: "sendEvents",
        summary: "Send an event to several users",
        description: "Up to 1,000 users, each as `POST /users/{userId}/events`. Users who do not exist are reported in `unknown`; \
            the others get the event.",
        parameters: vec![idempotency_key()],
        body: Some(body_up_to::<shape::SendToSeveralBody>(LIMIT, [Example(
            "notice",
            "A notice to three users.",
            json!({
                "users": ["user-789", "user-456", example::nobody().as_str()],
                "type": "app.notice",
                "data": { "text": "The office closes at 18:00" },
            }),
        )])),
        success: success(
                "The event was sent.",
                MESSAGE,
                schemas::of::<shape::SentToSeveralShape<'_>>(),
                [Example(
                    "sent",
                    "One user is connected, one is not, one does not exist.",
                    example::value(&shown),
                )],
            ),
        refusals: [
            of_body_up_to(LIMIT, shape::read_for_several(b"{}").expect_err("no users")),
            vec![key_reused()],
        ]
        .concat(),
    }
    .for_backends(Scope::Events, HttpMethod::Post, "/api/server/v1/events")
}
