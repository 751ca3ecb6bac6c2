//! Webhook commands of the control socket.

use crate::service::{Error, Service};
use crate::webhook;
use crate::webhook_model::MessageId;
use crate::webhook_model::delivery::EndpointId;
use crate::wire::control::{Answer, Tested, Webhooks};

use super::Shared;
use super::connection::failed;

pub(super) async fn answer(asked: Webhooks, shared: &Shared) -> Answer {
    let service = &shared.service;
    match service.webhooks().receivers() {
        Ok(receivers) if receivers.is_empty() => {
            return Answer::Failed {
                message: "this server has no webhooks: the settings webhook_url and webhooks name their endpoints"
                    .to_owned(),
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
            message: format!("there is no message {message}; they are kept for two days"),
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
        message: "there is no such receiver; `chattrix webhook list` shows which there are"
            .to_owned(),
    }
}
