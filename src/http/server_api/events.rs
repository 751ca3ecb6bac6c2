//! Events to users.

use rocket::{Route, State, post, routes};

use crate::api_key::Scope;
use crate::guard::Backend;
use crate::http::body::EventBody;
use crate::service::{Recipients, Reply, SentEvent, SentTo, Service};
use crate::wire::server_api::events::{self as shape, Sent};

use super::{StatusAnswer, answered, user_id};

/// Message of the answers.
const SENT: &str = "Event sent successfully";

pub(super) fn routes() -> Vec<Route> {
    routes![send, send_to_several]
}

/// Sends an event to a user.
#[post("/users/<id>/events", data = "<body>")]
async fn send(
    backend: Backend,
    id: &str,
    body: EventBody,
    service: &State<Service>,
) -> StatusAnswer {
    let requester = backend.may_once(Scope::Events, &body)?;
    let event = shape::read(&body)?;
    let recipient = Recipients::One(user_id(id)?);
    let reply = |sent: &SentEvent| Reply {
        status: 200,
        body: shape::sent(SENT, sent.users.iter().map(counted)),
    };
    let api = service.server_api();
    let sent = api.send_event(requester, recipient, event, reply).await?;
    Ok(answered(sent))
}

/// Sends an event to several users.
#[post("/events", data = "<body>")]
async fn send_to_several(
    backend: Backend,
    body: EventBody,
    service: &State<Service>,
) -> StatusAnswer {
    let requester = backend.may_once(Scope::Events, &body)?;
    let (users, event) = shape::read_for_several(&body)?;
    let reply = |sent: &SentEvent| Reply {
        status: 200,
        body: shape::sent_to_several(SENT, sent.users.iter().map(counted), &sent.unknown),
    };
    let recipients = Recipients::Several(users);
    let api = service.server_api();
    let sent = api.send_event(requester, recipients, event, reply).await?;
    Ok(answered(sent))
}

fn counted(sent: &SentTo) -> Sent<'_> {
    Sent {
        user: &sent.user,
        reached: sent.reached,
        confirmed: sent.confirmed,
    }
}
