//! Accounts, block lists and contacts.

use rocket::http::uri::Origin;
use rocket::response::content::RawJson;
use rocket::{Route, State, delete, get, patch, post, put, routes};

use crate::api_key::Scope;
use crate::guard::{ApiError, Backend};
use crate::http::Answer;
use crate::http::body::{Body, LargeBody};
use crate::http::history::parameters;
use crate::service::{Reply, Service, UserPage, UserRecord, UserUpdate};
use crate::user::{List, ListEntry, UserId};
use crate::wire::server_api::query::Users;
use crate::wire::server_api::users as shape;
use crate::wire::{lists, response};

use super::{StatusAnswer, answered, user_id};

pub(super) fn routes() -> Vec<Route> {
    routes![
        put_user,
        show,
        update,
        remove,
        list,
        batch,
        blocked,
        block,
        unblock,
        contacts,
        add_contact,
        remove_contact
    ]
}

/// Adds a user, or brings it to the body.
#[put("/users/<id>", data = "<body>")]
async fn put_user(backend: Backend, id: &str, body: Body, service: &State<Service>) -> Answer {
    let requester = backend.may(Scope::Users)?;
    let expected = UserId::EXPECTED;
    let id = UserId::parse(id)
        .ok_or_else(|| ApiError::invalid(format!("userId: expected {expected}")))?;
    let (profile, standing) = shape::read_put(id, &body)?;
    let record = UserRecord { profile, standing };
    let user = service.server_api().put_user(requester, record).await?;
    Ok(RawJson(shape::user("User stored successfully", &user)))
}

/// A user.
#[get("/users/<id>")]
fn show(backend: Backend, id: &str, service: &State<Service>) -> Answer {
    backend.may(Scope::Users)?;
    let user = service.server_api().user(user_id(id)?)?;
    Ok(RawJson(shape::user("User retrieved successfully", &user)))
}

/// Changes some fields of a user.
#[patch("/users/<id>", data = "<body>")]
async fn update(backend: Backend, id: &str, body: Body, service: &State<Service>) -> Answer {
    let requester = backend.may(Scope::Users)?;
    let shape::Patch {
        name,
        avatar,
        standing,
    } = shape::read_patch(&body)?;
    let update = UserUpdate {
        name,
        avatar,
        standing,
    };
    let user = service
        .server_api()
        .update_user(requester, user_id(id)?, update)
        .await?;
    Ok(RawJson(shape::user("User updated successfully", &user)))
}

/// Removes a user.
#[delete("/users/<id>")]
async fn remove(backend: Backend, id: &str, service: &State<Service>) -> Answer {
    let requester = backend.may(Scope::Users)?;
    service
        .server_api()
        .remove_user(requester, user_id(id)?)
        .await?;
    Ok(RawJson(response::nothing("User removed successfully")))
}

/// A page of users.
#[get("/users")]
fn list(backend: Backend, uri: &Origin<'_>, service: &State<Service>) -> Answer {
    backend.may(Scope::Users)?;
    let Users { after, text, limit } = parameters(uri).users()?;
    let page = service.server_api().users(after.as_ref(), &text, limit)?;
    let UserPage { items, next } = page;
    Ok(RawJson(shape::page(
        "Users retrieved successfully",
        &items,
        next.as_ref(),
    )))
}

/// Adds or changes many users.
#[post("/users/batch", data = "<body>")]
async fn batch(backend: Backend, body: LargeBody, service: &State<Service>) -> StatusAnswer {
    let requester = backend.may_once(Scope::Users, &body)?;
    let records = shape::read_batch(&body)?.into_iter();
    let records = records.map(|(profile, standing)| UserRecord { profile, standing });
    let reply = |counts| Reply {
        status: 200,
        body: shape::batch("Users stored successfully", counts),
    };
    let reply = service
        .server_api()
        .put_users(requester, records.collect(), reply)
        .await?;
    Ok(answered(reply))
}

/// Whom a user has blocked.
#[get("/users/<id>/blocks")]
fn blocked(backend: Backend, id: &str, service: &State<Service>) -> Answer {
    listed(
        &backend,
        id,
        List::Blocked,
        service,
        "Blocked users retrieved successfully",
    )
}

/// Blocks a user for another one.
#[put("/users/<id>/blocks/<other>")]
async fn block(backend: Backend, id: &str, other: &str, service: &State<Service>) -> Answer {
    enlist(
        &backend,
        [id, other],
        List::Blocked,
        service,
        "User blocked successfully",
    )
    .await
}

/// Unblocks a user for another one.
#[delete("/users/<id>/blocks/<other>")]
async fn unblock(backend: Backend, id: &str, other: &str, service: &State<Service>) -> Answer {
    delist(
        &backend,
        [id, other],
        List::Blocked,
        service,
        "User unblocked successfully",
    )
    .await
}

/// The contacts of a user.
#[get("/users/<id>/contacts")]
fn contacts(backend: Backend, id: &str, service: &State<Service>) -> Answer {
    listed(
        &backend,
        id,
        List::Contacts,
        service,
        "Contacts retrieved successfully",
    )
}

/// Adds a contact to a user's list.
#[put("/users/<id>/contacts/<other>")]
async fn add_contact(backend: Backend, id: &str, other: &str, service: &State<Service>) -> Answer {
    enlist(
        &backend,
        [id, other],
        List::Contacts,
        service,
        "Contact added successfully",
    )
    .await
}

/// Removes a contact from a user's list.
#[delete("/users/<id>/contacts/<other>")]
async fn remove_contact(
    backend: Backend,
    id: &str,
    other: &str,
    service: &State<Service>,
) -> Answer {
    delist(
        &backend,
        [id, other],
        List::Contacts,
        service,
        "Contact removed successfully",
    )
    .await
}

fn listed(backend: &Backend, id: &str, list: List, service: &Service, message: &str) -> Answer {
    backend.may(Scope::Users)?;
    let listed = service.server_api().list_of(user_id(id)?, list)?;
    let entries = listed.iter().map(|one| (&one.profile, one.at));
    Ok(RawJson(lists::entries(message, entries)))
}

async fn enlist(
    backend: &Backend,
    [id, other]: [&str; 2],
    list: List,
    service: &Service,
    message: &str,
) -> Answer {
    let requester = backend.may(Scope::Users)?;
    let (owner, user) = (user_id(id)?, user_id(other)?);
    let enlisted = service.server_api().enlist(requester, owner, list, user);
    let ListEntry { profile, at } = enlisted.await?;
    Ok(RawJson(lists::entry(message, &profile, at)))
}

async fn delist(
    backend: &Backend,
    [id, other]: [&str; 2],
    list: List,
    service: &Service,
    message: &str,
) -> Answer {
    let requester = backend.may(Scope::Users)?;
    let (owner, user) = (user_id(id)?, user_id(other)?);
    let delisted = service.server_api().delist(requester, owner, list, user);
    delisted.await?;
    Ok(RawJson(response::nothing(message)))
}
