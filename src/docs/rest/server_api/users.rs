//! Accounts.

use serde_json::json;
use utoipa::openapi::Required;
use utoipa::openapi::path::HttpMethod;
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::api_key::Scope;
use crate::docs::refusal::Refusal;
use crate::docs::{example, schemas};
use crate::service::Error;
use crate::user::AccountStatus;
use crate::wire::query::Parameters;
use crate::wire::server_api::users as shape;

use super::super::{Description, Example, Route, body, nothing, query_parameter, success};
use super::{
    TAG, idempotency_key, john, key_reused, large_body, no_user, of_body, of_large_body,
    page_parameters, user_id, wrong_parameter,
};

const USER: &str = "/api/server/v1/users/{userId}";

pub(super) fn routes() -> Vec<Route> {
    vec![list(), put(), show(), update(), remove(), batch()]
}

fn put() -> Route {
    const MESSAGE: &str = "User stored successfully";
    let stored = shape::user(MESSAGE, &john(AccountStatus::Active));
    let asked = json!({
        "name": "John Doe", "avatar": "https://example.com/avatar.jpg", "standing": "active",
    });
    Description {
        tag: TAG,
        id: "putUser",
        summary: "Add or replace a user",
        description: "Adds the user, or brings name and picture to the body. Without `standing`, a user stays as they are \
            and a new one is active. A disabled user's tokens are rejected and their sockets closed.",
        parameters: vec![user_id("user-789")],
        body: Some(body::<shape::PutShape>(
            Required::True,
            [Example("user", "A user with a picture.", asked)],
        )),
        success: success(
                "The user.",
                MESSAGE,
                schemas::of::<shape::UserShape<'_>>(),
                [Example("stored", "The user is stored.", example::value(&stored))],
            ),
        refusals: of_body(
            shape::read_put(example::callee(), b"{}").expect_err("a user without a name"),
        ),
    }
    .for_backends(Scope::Users, HttpMethod::Put, USER)
}

fn show() -> Route {
    const MESSAGE: &str = "User retrieved successfully";
    let shown = shape::user(MESSAGE, &john(AccountStatus::Active));
    Description {
        tag: TAG,
        id: "getUser",
        summary: "Get a user",
        description: "The fields are those of `chattrix user show --json`.",
        parameters: vec![user_id("user-789")],
        body: None,
        success: success(
            "The user.",
            MESSAGE,
            schemas::of::<shape::UserShape<'_>>(),
            [Example("user", "A user.", example::value(&shown))],
        ),
        refusals: vec![no_user()],
    }
    .for_backends(Scope::Users, HttpMethod::Get, USER)
}

fn update() -> Route {
    const MESSAGE: &str = "User updated successfully";
    let updated = shape::user(MESSAGE, &john(AccountStatus::Disabled));
    Description {
        tag: TAG,
        id: "updateUser",
        summary: "Change some fields of a user",
        description: "Fields that are absent stay as they are. Disable a user to reject their tokens and close their \
            sockets at once.",
        parameters: vec![user_id("user-789")],
        body: Some(body::<shape::PatchShape>(
            Required::True,
            [Example(
                "disabled",
                "The user is disabled.",
                json!({ "standing": "disabled" }),
            )],
        )),
        success: success(
                "The user.",
                MESSAGE,
                schemas::of::<shape::UserShape<'_>>(),
                [Example("disabled", "The user is disabled.", example::value(&updated))],
            ),
        refusals: [
            of_body(shape::read_patch(b"{}").expect_err("nothing to change")),
            vec![no_user()],
        ]
        .concat(),
    }
    .for_backends(Scope::Users, HttpMethod::Patch, USER)
}

fn remove() -> Route {
    const MESSAGE: &str = "User removed successfully";
    let in_call = Error::UserInCall {
        user: example::caller().id,
        call: example::call_id(),
    };
    Description {
        tag: TAG,
        id: "removeUser",
        summary: "Remove a user",
        description: "Other users keep their history. A user in a live call is not removed. Their tokens are rejected; \
            with `auto_provision`, a token that is issued later adds the user again: disable the user instead.",
        parameters: vec![user_id("user-789")],
        body: None,
        success: nothing("The user is removed.", MESSAGE, "removed", "The user is removed."),
        refusals: vec![
            no_user(),
            Refusal::new("in_call", "The user is in a live call.", in_call),
        ],
    }
    .for_backends(Scope::Users, HttpMethod::Delete, USER)
}

fn list() -> Route {
    const MESSAGE: &str = "Users retrieved successfully";
    let page = shape::page(MESSAGE, &[john(AccountStatus::Active)], None);
    let text = ObjectBuilder::new()
        .schema_type(Type::String)
        .max_length(Some(200));
    let wrong: Parameters<'_> = [("limit", "0")].into_iter().collect();
    let query = query_parameter(
        "query",
        text,
        "Only users whose id or name contains this text, in any case.",
    );
    Description {
        tag: TAG,
        id: "listUsers",
        summary: "List users",
        description: "By id. Removed users are left out.",
        parameters: [page_parameters().to_vec(), vec![query]].concat(),
        body: None,
        success: success(
            "A page.",
            MESSAGE,
            schemas::of::<shape::PageShape<'_>>(),
            [Example("page", "One user.", example::value(&page))],
        ),
        refusals: vec![wrong_parameter(wrong.users().expect_err("no number"))],
    }
    .for_backends(Scope::Users, HttpMethod::Get, "/api/server/v1/users")
}

fn batch() -> Route {
    const MESSAGE: &str = "Users stored successfully";
    let asked = json!({ "users": [
        { "id": "user-789", "name": "John Doe", "avatar": "https://example.com/avatar.jpg" },
        { "id": "user-124", "name": "New User" },
    ] });
    let wrong = br#"{"users":[{"id":"user-124"}]}"#;
    Description {
        tag: TAG,
        id: "putUsers",
        summary: "Add or replace up to 10,000 users",
        description: "Like `PUT` for each record. If a record is wrong, none is stored, and the message names the first 20 \
            wrong records by their places.",
        parameters: vec![idempotency_key()],
        body: Some(large_body::<shape::BatchBody>([Example(
            "users",
            "Two users.",
            asked,
        )])),
        success: success(
                "The records are stored.",
                MESSAGE,
                schemas::of::<shape::BatchShape>(),
                [Example(
                    "stored",
                    "One user is new.",
                    example::value(&shape::batch(MESSAGE, [1, 0, 1])),
                )],
            ),
        refusals: [
            of_large_body(shape::read_batch(wrong).expect_err("a user without a name")),
            vec![key_reused()],
        ]
        .concat(),
    }
    .for_backends(Scope::Users, HttpMethod::Post, "/api/server/v1/users/batch")
}
