//! `/api/v1/users/blocks` and `/api/v1/contacts`: block lists and contacts.

use rocket::http::uri::Origin;
use rocket::response::content::RawJson;
use rocket::{Route, State, delete, get, post, routes};

use crate::guard::{ApiError, Lookup, SignedIn};
use crate::service::Service;
use crate::user::{List, ListEntry, UserId};
use crate::wire::{lists as shape, request, response};

use super::Answer;
use super::body::Body;
use super::history::parameters;
use super::users::user_id;

pub(super) fn blocks() -> Vec<Route> {
    routes![block, unblock, unblock_one, blocked]
}

pub(super) fn contacts() -> Vec<Route> {
    routes![
        add_contact,
        remove_contact,
        remove_one_contact,
        all_contacts
    ]
}

/// Blocks a user: calls from them no longer ring.
#[post("/", data = "<body>")]
async fn block(owner: Lookup, body: Body, service: &State<Service>) -> Answer {
    enlist(
        owner,
        List::Blocked,
        body,
        service,
        "User blocked successfully",
    )
    .await
}

/// Unblocks the user who is named in the query or in the body.
#[delete("/", data = "<body>")]
async fn unblock(owner: Lookup, body: Body, uri: &Origin<'_>, service: &State<Service>) -> Answer {
    delist(owner, List::Blocked, named(uri, &body)?, service, UNBLOCKED).await
}

/// Unblocks the user who is named in the path.
#[delete("/<id>")]
async fn unblock_one(owner: Lookup, id: &str, service: &State<Service>) -> Answer {
    delist(owner, List::Blocked, user_id(id)?, service, UNBLOCKED).await
}

const UNBLOCKED: &str = "User unblocked successfully";

/// Returns the blocked users.
#[get("/")]
fn blocked(owner: SignedIn, service: &State<Service>) -> Answer {
    listed(
        &owner,
        List::Blocked,
        service,
        "Blocked users retrieved successfully",
    )
}

/// Adds a contact.
#[post("/", data = "<body>")]
async fn add_contact(owner: Lookup, body: Body, service: &State<Service>) -> Answer {
    enlist(
        owner,
        List::Contacts,
        body,
        service,
        "Contact added successfully",
    )
    .await
}

/// Removes the contact who is named in the query or in the body.
#[delete("/", data = "<body>")]
async fn remove_contact(
    owner: Lookup,
    body: Body,
    uri: &Origin<'_>,
    service: &State<Service>,
) -> Answer {
    delist(
        owner,
        List::Contacts,
        named(uri, &body)?,
        service,
        CONTACT_REMOVED,
    )
    .await
}

/// Removes the contact who is named in the path.
#[delete("/<id>")]
async fn remove_one_contact(owner: Lookup, id: &str, service: &State<Service>) -> Answer {
    delist(
        owner,
        List::Contacts,
        user_id(id)?,
        service,
        CONTACT_REMOVED,
    )
    .await
}

const CONTACT_REMOVED: &str = "Contact removed successfully";

/// Returns the contacts.
#[get("/")]
fn all_contacts(owner: SignedIn, service: &State<Service>) -> Answer {
    listed(
        &owner,
        List::Contacts,
        service,
        "Contacts retrieved successfully",
    )
}

async fn enlist(owner: Lookup, list: List, body: Body, service: &Service, message: &str) -> Answer {
    let request::Listed { user } = request::listed(&body)?;
    let listed = service
        .lists()
        .enlist(owner.user.user().clone(), list, user)
        .await;
    let ListEntry { profile, at } = owner.rated(listed)?;
    Ok(RawJson(shape::entry(message, &profile, at)))
}

async fn delist(
    owner: Lookup,
    list: List,
    user: UserId,
    service: &Service,
    message: &str,
) -> Answer {
    let delisted = service
        .lists()
        .delist(owner.user.user().clone(), list, user)
        .await;
    owner.rated(delisted)?;
    Ok(RawJson(response::nothing(message)))
}

fn listed(owner: &SignedIn, list: List, service: &Service, message: &str) -> Answer {
    let listed = service.lists().listed(owner.user(), list)?;
    let entries = listed.iter().map(|one| (&one.profile, one.at));
    Ok(RawJson(shape::entries(message, entries)))
}

/// Returns the user that a DELETE names in its query, else in its body.
fn named(uri: &Origin<'_>, body: &Body) -> Result<UserId, ApiError> {
    match parameters(uri).user()? {
        Some(user) => Ok(user),
        None if body.is_empty() => Err(ApiError::invalid(
            "userId: expected in the query or in a JSON body",
        )),
        None => Ok(request::listed(body)?.user),
    }
}
