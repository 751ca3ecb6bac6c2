//! Webhook commands of the control socket.

use crate::service::{Error, NewEndpoint, Service};
use crate::settings::webhook_url;
use crate::webhook;
use crate::webhook_model::MessageId;
use crate::webhook_model::delivery::EndpointId;
use crate::wire::control::{Answer, Endpoints, Tested, Webhooks};
use crate::wire::server_api::webhooks as shape;
use crate::wire::webhook::{NO_ENDPOINTS, NO_SUCH_ENDPOINT, no_such_message};

use super::Shared;
use super::connection::failed;

pub(super) async fn answer(asked: Webhooks, shared: &Shared) -> Answer {
    let service = &shared.service;
    match service.webhooks().receivers() {
        Ok(receivers) if receivers.is_empty() => {
            return Answer::Failed {
                message: NO_ENDPOINTS.to_owned(),
            };
        }
        Ok(_) => {}
        Err(error) => return failed(&error),
    }
    match asked {
        Webhooks::Pause { receiver } => {
            let paused = service
                .webhooks()
                .pause_receivers(receiver.map(EndpointId))
                .await;
            counted(paused)
        }
        Webhooks::Resume { receiver } => {
            let resumed = service
                .webhooks()
                .resume_receivers(receiver.map(EndpointId))
                .await;
            counted(resumed)
        }
        Webhooks::Retry { message } => retry(message.as_deref(), service).await,
        Webhooks::Test { receiver } => test(receiver.map(EndpointId), shared).await,
    }
}

/// Makes, changes or deletes an endpoint.
pub(super) async fn change(asked: Endpoints, shared: &Shared) -> Answer {
    let webhooks = shared.service.webhooks();
    let made = match asked {
        Endpoints::Create { endpoint } => {
            let sender = shared.webhooks.sender();
            let url = |text: &str| webhook_url(text).filter(|url| sender.may_reach(url));
            match shape::read(endpoint.to_string().as_bytes(), url) {
                Ok((url, events)) => webhooks.make_endpoint(NewEndpoint { url, events }).await,
                Err(invalid) => return Answer::Failed { message: invalid.0 },
            }
        }
        Endpoints::Rotate { receiver } => webhooks.rotate_endpoint(EndpointId(receiver)).await,
        Endpoints::Delete { receiver } => {
            return match webhooks.remove_endpoint(EndpointId(receiver)).await {
                Ok(()) => Answer::Done,
                Err(error) => failed(&error),
            };
        }
    };
    match made {
        Ok(endpoint) => Answer::Endpoint {
            endpoint: shape::with_secret(&endpoint),
        },
        Err(error) => failed(&error),
    }
}

async fn retry(message: Option<&str>, service: &Service) -> Answer {
    let Some(message) = message else {
        return counted(service.webhooks().retry_all().await.map(Some));
    };
    let found = match MessageId::parse(message) {
        Some(id) => service.webhooks().retry_message(id).await,
        None => Ok(false),
    };
    match found {
        Ok(true) => Answer::Done,
        Ok(false) => Answer::Failed {
            message: no_such_message(message),
        },
        Err(error) => failed(&error),
    }
}

async fn test(wanted: Option<EndpointId>, shared: &Shared) -> Answer {
    let mut receivers = match shared.service.webhooks().receivers() {
        Ok(receivers) => receivers,
        Err(error) => return failed(&error),
    };
    receivers.retain(|one| wanted.is_none_or(|wanted| wanted == one.id));
    if receivers.is_empty() {
        return no_such_receiver();
    }
    let tested = webhook::test(
        &shared.webhooks.sender(),
        receivers,
        shared.service.clock().now(),
    )
    .await;
    Answer::Tested {
        receivers: tested
            .iter()
            .map(|(receiver, attempt)| Tested::new(*receiver, attempt))
            .collect(),
    }
}

fn counted(changed: Result<Option<usize>, Error>) -> Answer {
    match changed {
        Ok(Some(count)) => Answer::Counted { count },
        Ok(None) => no_such_receiver(),
        Err(error) => failed(&error),
    }
}

fn no_such_receiver() -> Answer {
    Answer::Failed {
        message: NO_SUCH_ENDPOINT.to_owned(),
    }
}
