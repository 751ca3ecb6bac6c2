//! Block lists and contacts of a user.

use utoipa::openapi::path::{HttpMethod, Parameter};
use utoipa::openapi::schema::ArrayBuilder;
use utoipa::openapi::{RefOr, Schema};

use crate::api_key::Scope;
use crate::docs::refusal::Refusal;
use crate::docs::{example, schemas};
use crate::service::Error;
use crate::wire::{lists as shape, value};

use super::super::{Description, Example, Route, nothing, path_parameter, success};
use super::{TAG, no_user, user_id};

/// The operations on a list: its path and that of an entry, and of each operation its id, summary, description and
/// message.
struct List {
    path: &'static str,
    path_of_one: &'static str,
    get: [&'static str; 4],
    add: [&'static str; 4],
    remove: [&'static str; 4],
}

const BLOCKS: List = List {
    path: "/api/server/v1/users/{userId}/blocks",
    path_of_one: "/api/server/v1/users/{userId}/blocks/{otherId}",
    get: [
        "listBlocksOfUser",
        "List whom a user has blocked",
        "By user id.",
        "Blocked users retrieved successfully",
    ],
    add: [
        "addBlockOfUser",
        "Block a user for another",
        "Calls of `otherId` no longer ring for `userId`. Repeating it changes nothing.",
        "User blocked successfully",
    ],
    remove: [
        "removeBlockOfUser",
        "Unblock a user for another",
        "Repeating it changes nothing.",
        "User unblocked successfully",
    ],
};

const CONTACTS: List = List {
    path: "/api/server/v1/users/{userId}/contacts",
    path_of_one: "/api/server/v1/users/{userId}/contacts/{otherId}",
    get: [
        "listContactsOfUser",
        "List a user's contacts",
        "By user id.",
        "Contacts retrieved successfully",
    ],
    add: [
        "addContactOfUser",
        "Add a contact to a user's list",
        "With `call_policy = \"contacts\"` two users may call each other if each has the other on the list: add both \
         directions. Repeating it changes nothing.",
        "Contact added successfully",
    ],
    remove: [
        "removeContactOfUser",
        "Remove a contact from a user's list",
        "Repeating it changes nothing.",
        "Contact removed successfully",
    ],
};

pub(super) fn routes() -> Vec<Route> {
    [BLOCKS, CONTACTS]
        .iter()
        .flat_map(|list| [get(list), add(list), remove(list)])
        .collect()
}

fn pair() -> Vec<Parameter> {
    let other = path_parameter(
        "otherId",
        schemas::of::<value::UserId>(),
        example::caller().id.to_string(),
        "The other user's id.",
    );
    vec![user_id("user-456"), other]
}

fn get(list: &List) -> Route {
    let [id, summary, description, message] = list.get;
    let entries: RefOr<Schema> = ArrayBuilder::new()
        .items(schemas::of::<shape::Entry<'_>>())
        .into();
    let listed = shape::entries(message, [(&example::caller(), example::asked_at())]);
    Description {
        tag: TAG,
        id,
        summary,
        description,
        parameters: vec![user_id("user-456")],
        body: None,
        success: success(
            "The list.",
            message,
            entries,
            [Example("one", "One user.", example::value(&listed))],
        ),
        refusals: vec![no_user()],
    }
    .for_backends(Scope::Users, HttpMethod::Get, list.path)
}

fn add(list: &List) -> Route {
    let [id, summary, description, message] = list.add;
    let added = shape::entry(message, &example::caller(), example::asked_at());
    Description {
        tag: TAG,
        id,
        summary,
        description,
        parameters: pair(),
        body: None,
        success: success(
            "The user is on the list.",
            message,
            schemas::of::<shape::Entry<'_>>(),
            [Example("listed", "Since now.", example::value(&added))],
        ),
        refusals: vec![
            Refusal::new("oneself", "Both are the same user.", Error::OwnList),
            no_user(),
        ],
    }
    .for_backends(Scope::Users, HttpMethod::Put, list.path_of_one)
}

fn remove(list: &List) -> Route {
    let [id, summary, description, message] = list.remove;
    Description {
        tag: TAG,
        id,
        summary,
        description,
        parameters: pair(),
        body: None,
        success: nothing(
            "The user is not on the list.",
            message,
            "removed",
            "The user is not on the list.",
        ),
        refusals: vec![no_user()],
    }
    .for_backends(Scope::Users, HttpMethod::Delete, list.path_of_one)
}
