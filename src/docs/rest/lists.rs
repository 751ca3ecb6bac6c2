//! `/api/v1/users/blocks` and `/api/v1/contacts`: two lists with the same routes.

use serde_json::json;
use utoipa::openapi::path::HttpMethod;
use utoipa::openapi::schema::ArrayBuilder;
use utoipa::openapi::{RefOr, Required, Schema};

use crate::docs::refusal::Refusal;
use crate::docs::{example, schemas};
use crate::service::Error;
use crate::wire::{lists as shape, request, value};

use super::{Description, Example, Route, body, nothing, path_parameter, query_parameter, success};

/// Texts of the routes of a list.
struct List {
    tag: &'static str,
    path: &'static str,
    path_of_one: &'static str,
    add: Words,
    remove: Words,
    remove_one: Words,
    get: Words,
}

/// Id, summary and description of an operation, and the message of its response.
type Words = [&'static str; 4];

const BLOCKS: List = List {
    tag: "Blocks",
    path: "/api/v1/users/blocks",
    path_of_one: "/api/v1/users/blocks/{userId}",
    add: [
        "blockUser",
        "Block a user",
        "Calls of that user do not ring for this one any more, and whether this one is online is not shown to that user, \
         who is not told. Again changes nothing.",
        "User blocked successfully",
    ],
    remove: [
        "unblock",
        "Unblock a user",
        "Calls of that user ring again. Again changes nothing. The user is named in the query, or in the body.",
        "User unblocked successfully",
    ],
    remove_one: [
        "unblockUser",
        "Unblock a user, by path",
        "As without the path's last part.",
        "User unblocked successfully",
    ],
    get: [
        "getBlockedUsers",
        "List whom one has blocked",
        "By user id.",
        "Blocked users retrieved successfully",
    ],
};

const CONTACTS: List = List {
    tag: "Contacts",
    path: "/api/v1/contacts",
    path_of_one: "/api/v1/contacts/{userId}",
    add: [
        "addContact",
        "Add a contact",
        "With the setting `call_policy = \"contacts\"`, users call each other only where each has the other among its \
         contacts. Again changes nothing.",
        "Contact added successfully",
    ],
    remove: [
        "removeContact",
        "Remove a contact",
        "Again changes nothing. The user is named in the query, or in the body.",
        "Contact removed successfully",
    ],
    remove_one: [
        "removeContactByPath",
        "Remove a contact, by path",
        "As without the path's last part.",
        "Contact removed successfully",
    ],
    get: [
        "getContacts",
        "List one's contacts",
        "By user id.",
        "Contacts retrieved successfully",
    ],
};

pub(super) fn routes() -> Vec<Route> {
    [BLOCKS, CONTACTS]
        .iter()
        .flat_map(|list| [get(list), add(list), remove(list), remove_one(list)])
        .collect()
}

fn get(list: &List) -> Route {
    let [id, summary, description, message] = list.get;
    let listed = example::caller();
    let entries: RefOr<Schema> = ArrayBuilder::new()
        .items(schemas::of::<shape::Entry<'_>>())
        .into();
    let shown = shape::entries(message, [(&listed, example::asked_at())]);
    Description {
        tag: list.tag,
        id,
        summary,
        description,
        parameters: Vec::new(),
        body: None,
        success: success(
            "All of them.",
            message,
            entries,
            [
                Example("one", "There is one.", example::value(&shown)),
                Example(
                    "nobody",
                    "There is none.",
                    example::value(&shape::entries(message, [])),
                ),
            ],
        ),
        refusals: Vec::new(),
    }
    .for_users(HttpMethod::Get, list.path)
}

fn add(list: &List) -> Route {
    let [id, summary, description, message] = list.add;
    let shown = shape::entry(message, &example::caller(), example::asked_at());
    Description {
        tag: list.tag,
        id,
        summary,
        description,
        parameters: Vec::new(),
        body: Some(body::<request::Listed>(Required::True, [one()])),
        success: success(
            "The user is on the list.",
            message,
            schemas::of::<shape::Entry<'_>>(),
            [Example("listed", "Since now.", example::value(&shown))],
        ),
        refusals: [
            vec![Refusal::new(
                "oneself",
                "The user names itself.",
                Error::OwnList,
            )],
            refusals(),
        ]
        .concat(),
    }
    .for_users(HttpMethod::Post, list.path)
}

fn remove(list: &List) -> Route {
    let user = query_parameter(
        "userId",
        schemas::of::<value::UserId>(),
        "The user; without it, the body names one.",
    );
    Description {
        parameters: vec![user],
        body: Some(body::<request::Listed>(Required::False, [one()])),
        refusals: refusals(),
        ..removal(list.tag, list.remove)
    }
    .for_users(HttpMethod::Delete, list.path)
}

fn remove_one(list: &List) -> Route {
    let user = path_parameter(
        "userId",
        schemas::of::<value::UserId>(),
        example::caller().id.as_str().to_owned(),
        "The user.",
    );
    Description {
        parameters: vec![user],
        refusals: vec![no_user()],
        ..removal(list.tag, list.remove_one)
    }
    .for_users(HttpMethod::Delete, list.path_of_one)
}

fn removal(tag: &'static str, [id, summary, description, message]: Words) -> Description {
    Description {
        tag,
        id,
        summary,
        description,
        parameters: Vec::new(),
        body: None,
        success: nothing(
            "The user is not on the list.",
            message,
            "removed",
            "It is not there.",
        ),
        refusals: Vec::new(),
    }
}

fn one() -> Example {
    Example(
        "user",
        "A user.",
        json!({ "userId": example::caller().id.as_str() }),
    )
}

fn refusals() -> Vec<Refusal> {
    let wrong = request::listed(b"{}").expect_err("nobody is named");
    vec![
        Refusal::malformed(),
        Refusal::new("missing_field", "No user is named.", wrong),
        Refusal::body_too_large(),
        Refusal::content_encoding(),
        no_user(),
    ]
}

fn no_user() -> Refusal {
    Refusal::new(
        "user_not_found",
        "There is no such user.",
        Error::UserNotFound(example::nobody()),
    )
}
