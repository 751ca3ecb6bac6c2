//! `/api/v1/users/status`.

use utoipa::openapi::path::HttpMethod;
use utoipa::openapi::schema::ArrayBuilder;
use utoipa::openapi::{RefOr, Schema};

use crate::docs::refusal::Refusal;
use crate::docs::{example, schemas};
use crate::service::Error;
use crate::wire::{presence as shape, value};

use super::{Description, Example, Route, path_parameter, success};

const TAG: &str = "Presence";

pub(super) fn routes() -> Vec<Route> {
    vec![online(), status()]
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
        success: (
            "200",
            success(
                "Who is online.",
                MESSAGE,
                list,
                [
                    Example("one", "One user is.", shown(&[(&callee, 1)])),
                    Example("nobody", "Nobody is.", shown(&[])),
                ],
            ),
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
        success: (
            "200",
            success(
                "How it is.",
                MESSAGE,
                schemas::of::<shape::UserStatus<'_>>(),
                [
                    Example("online", "On one device.", shown(1)),
                    Example("offline", "On none.", shown(0)),
                ],
            ),
        ),
        refusals: vec![Refusal::new(
            "user_not_found",
            "There is no such user.",
            Error::UserNotFound(example::nobody()),
        )],
    }
    .for_users(HttpMethod::Get, "/api/v1/users/status/{userId}")
}
