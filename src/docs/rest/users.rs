//! `/api/v1/users/status`.

use serde_json::json;
use utoipa::openapi::path::HttpMethod;
use utoipa::openapi::schema::ArrayBuilder;
use utoipa::openapi::{RefOr, Required, Schema};

use crate::docs::refusal::Refusal;
use crate::docs::{example, schemas};
use crate::service::Error;
use crate::user::Availability;
use crate::wire::{availability, presence as shape, value};

use super::{Description, Example, Route, body, path_parameter, success};

const TAG: &str = "Presence";

const AVAILABILITY: &str = "/api/v1/users/me/availability";

pub(super) fn routes() -> Vec<Route> {
    vec![online(), status(), show_availability(), set_availability()]
}

fn online() -> Route {
    const MESSAGE: &str = "Online users retrieved successfully";
    let list: RefOr<Schema> = ArrayBuilder::new()
        .items(schemas::of::<shape::UserStatus<'_>>())
        .into();
    let callee = example::callee();
    let shown = |users: &[_]| example::value(&shape::users(MESSAGE, users.iter().copied()));
    Description {
        tag: TAG,
        id: "getOnlineUsers",
        summary: "List who is online",
        description: "Everybody who has a connected session.",
        parameters: Vec::new(),
        body: None,
        success: success(
            "Who is online.",
            MESSAGE,
            list,
            [
                Example("one", "One user is.", shown(&[(&callee, 1)])),
                Example("nobody", "Nobody is.", shown(&[])),
            ],
        ),
        refusals: Vec::new(),
    }
    .for_users(HttpMethod::Get, "/api/v1/users/status/online")
}

fn status() -> Route {
    const MESSAGE: &str = "User status retrieved successfully";
    let callee = example::callee();
    let shown = |sessions| example::value(&shape::user(MESSAGE, &callee, sessions));
    let id = path_parameter(
        "userId",
        schemas::of::<value::UserId>(),
        callee.as_str().to_owned(),
        "The user's id.",
    );
    Description {
        tag: TAG,
        id: "getUserStatus",
        summary: "Is a user online?",
        description: "Whether a user has a connected session, and how many.",
        parameters: vec![id],
        body: None,
        success: success(
            "How it is.",
            MESSAGE,
            schemas::of::<shape::UserStatus<'_>>(),
            [
                Example("online", "On one device.", shown(1)),
                Example("offline", "On none.", shown(0)),
            ],
        ),
        refusals: vec![Refusal::new(
            "user_not_found",
            "There is no such user.",
            Error::UserNotFound(example::nobody()),
        )],
    }
    .for_users(HttpMethod::Get, "/api/v1/users/status/{userId}")
}

/// The answers to both routes of one's availability.
fn availability_examples(message: &str) -> [Example; 3] {
    let shown = |one| example::value(&availability::shown(message, one));
    let until = Some(example::ended_at());
    [
        Example("available", "Calls ring.", shown(Availability::Available)),
        Example(
            "do_not_disturb",
            "Calls do not ring until the user says otherwise.",
            shown(Availability::DoNotDisturb { until: None }),
        ),
        Example(
            "do_not_disturb_until",
            "Calls do not ring until then.",
            shown(Availability::DoNotDisturb { until }),
        ),
    ]
}

fn show_availability() -> Route {
    const MESSAGE: &str = "Availability retrieved successfully";
    Description {
        tag: TAG,
        id: "getAvailability",
        summary: "Do calls ring for oneself?",
        description: "Do not disturb that has ended by itself is shown as available.",
        parameters: Vec::new(),
        body: None,
        success: success(
            "How it is.",
            MESSAGE,
            schemas::of::<availability::AvailabilityShape>(),
            availability_examples(MESSAGE),
        ),
        refusals: Vec::new(),
    }
    .for_users(HttpMethod::Get, AVAILABILITY)
}

fn set_availability() -> Route {
    const MESSAGE: &str = "Availability updated successfully";
    let asked = [
        Example(
            "do_not_disturb",
            "Calls do not ring until the user says otherwise.",
            json!({"status": "do_not_disturb"}),
        ),
        Example(
            "do_not_disturb_until",
            "Calls do not ring until then.",
            json!({"status": "do_not_disturb", "until": example::ended_at().to_string()}),
        ),
        Example("available", "Calls ring.", json!({"status": "available"})),
    ];
    Description {
        tag: TAG,
        id: "setAvailability",
        summary: "Turn do not disturb on or off",
        description: "While it is on, a call to the user rings on none of the user's devices, looks to the caller as if \
                      none were connected, and is missed after the ring timeout; webhooks say `do_not_disturb`. A call \
                      that rings already goes on. Turned off, a call that waits rings at once. It holds for all \
                      sessions of the user.",
        parameters: Vec::new(),
        body: Some(body::<availability::SetAvailability>(Required::True, asked)),
        success: success(
                "It is set.",
                MESSAGE,
                schemas::of::<availability::AvailabilityShape>(),
                availability_examples(MESSAGE),
            ),
        refusals: vec![
            Refusal::malformed(),
            Refusal::new("past", "`until` has passed.", Error::PastInstant),
            Refusal::body_too_large(),
            Refusal::content_encoding(),
        ],
    }
    .for_users(HttpMethod::Put, AVAILABILITY)
}
