//! Tokens, sessions and presence.

use std::time::Duration;

use serde_json::json;
use utoipa::openapi::path::{HttpMethod, Parameter};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Required, Schema};

use crate::api_key::Scope;
use crate::auth::is_session_id;
use crate::docs::refusal::Refusal;
use crate::docs::{example, schemas};
use crate::guard::ApiError;
use crate::service::Error;
use crate::user::SessionId;
use crate::wire::presence;
use crate::wire::query::Parameters;
use crate::wire::server_api::sessions::{self as shape, Session};

use super::super::{
    Description, Example, Route, body, created, path_parameter, query_parameter, success,
};
use super::{
    TAG, idempotency_key, key_reused, large_body, no_user, of_body, of_large_body, page_parameters,
    switch, user_id, wrong_parameter,
};

/// The session of the examples.
const SESSION: &str = "phone-1";

const SESSIONS: &str = "/api/server/v1/users/{userId}/sessions";

pub(super) fn routes() -> Vec<Route> {
    vec![token(), page(), list(), close_all(), close_one(), online()]
}

fn token() -> Route {
    const MESSAGE: &str = "Token issued successfully";
    let issued = shape::token(
        MESSAGE,
        &example::caller().id,
        &SessionId::new(SESSION),
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9...",
        example::asked_at().plus(Duration::from_hours(1)),
    );
    Description {
        tag: TAG,
        id: "issueToken",
        summary: "Issue a token for a user",
        description: "Signs a token with the setting `jwt_secret`, for an app that your backend has signed in. `sid` names the \
            session, one login on one device: keep it for the tokens of the same device.",
        parameters: vec![user_id("user-789"), idempotency_key()],
        body: Some(body::<shape::TokenBody>(
            Required::False,
            [Example(
                "device",
                "A token for a device.",
                json!({ "ttl": 3600, "sid": SESSION }),
            )],
        )),
        success: created(
                "The token.",
                MESSAGE,
                schemas::of::<shape::TokenShape<'_>>(),
                [Example("token", "For an hour.", example::value(&issued))],
            ),
        refusals: [
            of_body(shape::read_token(br#"{"ttl":0}"#, is_session_id).expect_err("no validity")),
            vec![
                key_reused(),
                Refusal::new(
                    "not_configured",
                    "The server has public keys only.",
                    ApiError::cannot_sign_tokens(),
                ),
                no_user(),
            ],
        ]
        .concat(),
    }
    .for_backends(
        Scope::Tokens,
        HttpMethod::Post,
        "/api/server/v1/users/{userId}/token",
    )
}

fn page() -> Route {
    const MESSAGE: &str = "Sessions retrieved successfully";
    let (user, session) = (example::caller().id, SessionId::new(SESSION));
    let one = Session {
        id: &session,
        connected_at: example::asked_at(),
        responsive: true,
    };
    let text = ObjectBuilder::new()
        .schema_type(Type::String)
        .max_length(Some(200));
    let [limit, cursor] = page_parameters();
    let wrong: Parameters<'_> = [("limit", "0")].into_iter().collect();
    Description {
        tag: TAG,
        id: "listConnectedSessions",
        summary: "List all connected sessions",
        description: "In the order of the user ids. A page has all sessions of its last user, so it may have a few more than `limit`.",
        parameters: vec![
            query_parameter("query", text, "Only users whose id contains this text."),
            limit,
            cursor,
        ],
        body: None,
        success: success(
                "A page of sessions.",
                MESSAGE,
                schemas::of::<shape::PageShape<'_>>(),
                [Example(
                    "page",
                    "One device is connected.",
                    example::value(&shape::page(MESSAGE, [(&user, one)], None)),
                )],
            ),
        refusals: vec![wrong_parameter(wrong.users().expect_err("no limit"))],
    }
    .for_backends(Scope::Sessions, HttpMethod::Get, "/api/server/v1/sessions")
}

fn list() -> Route {
    const MESSAGE: &str = "Sessions retrieved successfully";
    let session = SessionId::new(SESSION);
    let one = Session {
        id: &session,
        connected_at: example::asked_at(),
        responsive: true,
    };
    let sessions: RefOr<Schema> = ArrayBuilder::new()
        .items(schemas::of::<shape::SessionShape<'_>>())
        .into();
    Description {
        tag: TAG,
        id: "listSessions",
        summary: "List a user's connected sessions",
        description: "The oldest first.",
        parameters: vec![user_id("user-789")],
        body: None,
        success: success(
            "The sessions.",
            MESSAGE,
            sessions,
            [
                Example(
                    "one",
                    "One device is connected.",
                    example::value(&shape::sessions(MESSAGE, [one])),
                ),
                Example(
                    "none",
                    "No device is connected.",
                    example::value(&shape::sessions(MESSAGE, [])),
                ),
            ],
        ),
        refusals: vec![no_user()],
    }
    .for_backends(Scope::Sessions, HttpMethod::Get, SESSIONS)
}

fn close_all() -> Route {
    Description {
        id: "closeSessions",
        summary: "Close a user's sessions",
        parameters: vec![user_id("user-789"), reconnect()],
        refusals: vec![wrong_reconnect(), no_user()],
        ..closing()
    }
    .for_backends(Scope::Sessions, HttpMethod::Delete, SESSIONS)
}

fn close_one() -> Route {
    let id = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1));
    let session = path_parameter(
        "sessionId",
        id.into(),
        SESSION.to_owned(),
        "The session, from the list of sessions.",
    );
    Description {
        id: "closeSession",
        summary: "Close one session of a user",
        parameters: vec![user_id("user-789"), session, reconnect()],
        refusals: vec![
            wrong_reconnect(),
            no_user(),
            Refusal::new(
                "session_not_found",
                "The user has no such session.",
                Error::SessionNotFound,
            ),
        ],
        ..closing()
    }
    .for_backends(
        Scope::Sessions,
        HttpMethod::Delete,
        "/api/server/v1/users/{userId}/sessions/{sessionId}",
    )
}

fn closing() -> Description {
    const MESSAGE: &str = "Sessions closed successfully";
    Description {
        tag: TAG,
        id: "",
        summary: "",
        description: "The sockets are closed with code 4003. The reason is `signed out`, or `reconnect` with \
            `reconnect=true`. The token stays valid until it expires: disable the user to reject it.",
        parameters: Vec::new(),
        body: None,
        success: success(
            "The sessions are closed.",
            MESSAGE,
            schemas::of::<shape::ClosedShape>(),
            [Example(
                "closed",
                "One was connected.",
                example::value(&shape::closed(MESSAGE, 1)),
            )],
        ),
        refusals: Vec::new(),
    }
}

fn reconnect() -> Parameter {
    switch(
        "reconnect",
        "Whether the client is told to connect again with a new token.",
    )
}

fn wrong_reconnect() -> Refusal {
    let wrong: Parameters<'_> = [("reconnect", "yes")].into_iter().collect();
    wrong_parameter(wrong.reconnects().expect_err("neither true nor false"))
}

fn online() -> Route {
    const MESSAGE: &str = "Presence retrieved successfully";
    let (callee, stranger) = (example::callee(), example::stranger());
    let shown = presence::users(MESSAGE, [(&callee, 1), (&stranger, 0)]);
    let list: RefOr<Schema> = ArrayBuilder::new()
        .items(schemas::of::<presence::UserStatus<'_>>())
        .into();
    Description {
        tag: TAG,
        id: "getPresence",
        summary: "Check which users are online",
        description: "Up to 1,000 users, answered in their order. Users who do not exist are left out.",
        parameters: vec![idempotency_key()],
        body: Some(large_body::<shape::PresenceBody>([Example(
            "users",
            "Two users.",
            json!({ "users": ["user-456", "user-123"] }),
        )])),
        success: success(
                "Who is online.",
                MESSAGE,
                list,
                [Example(
                    "presence",
                    "One of them is online.",
                    example::value(&shown),
                )],
            ),
        refusals: of_large_body(shape::read_presence(b"{}").expect_err("no users")),
    }
    .for_backends(Scope::Sessions, HttpMethod::Post, "/api/server/v1/presence")
}
