//! `/api/v1/calls/history` and `/api/v1/calls/statistics` (contract section 5).

use rocket::http::uri::Origin;
use rocket::response::content::RawJson;
use rocket::{Route, State, delete, get, post, routes};

use crate::call::EntryId;
use crate::guard::SignedIn;
use crate::service::{Error, Page, Service};
use crate::wire::query::{self, Parameters};
use crate::wire::{history as shape, response};

use super::Answer;

pub(super) fn routes() -> Vec<Route> {
    routes![page, delete_one, delete_all, unseen, mark_seen, statistics]
}

/// Returns a page of the user's history.
#[get("/history")]
fn page(user: SignedIn, uri: &Origin<'_>, service: &State<Service>) -> Answer {
    let query::History {
        filter,
        before,
        limit,
    } = parameters(uri).history()?;
    let Page { items, next } = service.history().page(user.user(), filter, before, limit)?;
    Ok(RawJson(shape::page(
        "Call history retrieved successfully",
        &items,
        next,
    )))
}

/// Deletes one of the user's entries.
#[delete("/history/<id>")]
async fn delete_one(user: SignedIn, id: &str, service: &State<Service>) -> Answer {
    let id = EntryId::parse(id).ok_or(Error::EntryNotFound)?;
    service.history().delete(user.user().clone(), id).await?;
    Ok(RawJson(response::nothing(
        "Call history entry deleted successfully",
    )))
}

/// Deletes all of the user's entries.
#[delete("/history")]
async fn delete_all(user: SignedIn, service: &State<Service>) -> Answer {
    let deleted = service.history().delete_all(user.user().clone()).await?;
    Ok(RawJson(shape::deleted(
        "Call history deleted successfully",
        deleted,
    )))
}

/// Returns how many missed calls the user has not seen.
#[get("/history/unseen")]
fn unseen(user: SignedIn, service: &State<Service>) -> Answer {
    let missed = service.history().unseen(user.user())?;
    Ok(RawJson(shape::unseen(
        "Unseen calls retrieved successfully",
        missed,
    )))
}

/// Marks the user's missed calls as seen.
#[post("/history/seen")]
async fn mark_seen(user: SignedIn, service: &State<Service>) -> Answer {
    service.history().mark_seen(user.user().clone()).await?;
    Ok(RawJson(response::nothing(
        "Call history marked as seen successfully",
    )))
}

/// Returns statistics of the user's calls.
#[get("/statistics")]
fn statistics(user: SignedIn, uri: &Origin<'_>, service: &State<Service>) -> Answer {
    let period = parameters(uri).period()?;
    let statistics = service.history().statistics(user.user(), period)?;
    Ok(RawJson(shape::statistics(
        "Call statistics retrieved successfully",
        &statistics,
    )))
}

pub(super) fn parameters<'a>(uri: &'a Origin<'_>) -> Parameters<'a> {
    let query = uri.query().into_iter();
    query.flat_map(|query| query.segments()).collect()
}
