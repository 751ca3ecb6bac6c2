//! Webhook endpoints and messages: of this machine's database and server, or of a server elsewhere.

use chattrix::webhook_model::message::State;
use chattrix::wire::control::{Answer, Endpoints, Request as ControlRequest, Tested, Webhooks};
use chattrix::wire::webhook::{self, NO_ENDPOINTS, NO_SUCH_ENDPOINT, no_such_message};
use reqwest::Method;
use serde_json::{Value, json};

use super::super::control_client::ControlClient;
use super::super::error::CliError;
use super::api_client::Request;
use super::local::{Local, block_on};
use super::remote::{Remote, absent_if, count};

/// What the server of this machine is needed for.
const PURPOSE: &str = "send webhooks";

/// Webhook endpoints and messages of one server. Endpoints and messages are JSON, as the server API sends them.
pub trait WebhookSource {
    /// Returns all endpoints, by number.
    fn webhooks(&self) -> Result<Vec<Value>, CliError>;

    /// Returns at most `limit` messages, newest first, only those in `state` if it is given.
    fn webhook_messages(&self, state: Option<State>, limit: u32) -> Result<Vec<Value>, CliError>;

    /// Makes the endpoint `{url, events}`; returns it with its secret.
    fn make_webhook(&self, endpoint: Value) -> Result<Value, CliError>;

    /// Gives an endpoint a new secret; returns the endpoint with it.
    fn rotate_webhook(&self, receiver: i64) -> Result<Value, CliError>;

    /// Deletes an endpoint and what waits for it.
    fn delete_webhook(&self, receiver: i64) -> Result<(), CliError>;

    /// Pauses or resumes an endpoint, or all; returns how many changed.
    fn pause_webhooks(&self, receiver: Option<i64>, paused: bool) -> Result<usize, CliError>;

    /// Makes a message due again.
    fn retry_webhook_message(&self, message: &str) -> Result<(), CliError>;

    /// Makes all undelivered messages due; returns how many deliveries these are.
    fn retry_webhooks(&self) -> Result<usize, CliError>;

    /// Sends a test message to an endpoint, or to all.
    fn test_webhooks(&self, receiver: Option<i64>) -> Result<Vec<Tested>, CliError>;
}

impl WebhookSource for Local {
    fn webhooks(&self) -> Result<Vec<Value>, CliError> {
        let database = self.context().database_to_read()?;
        let read = database.read();
        let receivers = read.receivers()?.into_iter();
        let shown = receivers.map(|one| Ok(webhook::receiver(&one, &read.tally(one.id)?)));
        shown.collect()
    }

    fn webhook_messages(&self, state: Option<State>, limit: u32) -> Result<Vec<Value>, CliError> {
        let database = self.context().database_to_read()?;
        let sent = database.read().sent(state, None, limit)?;
        Ok(sent.iter().map(webhook::sent).collect())
    }

    fn make_webhook(&self, endpoint: Value) -> Result<Value, CliError> {
        self.changed_endpoint(Endpoints::Create { endpoint })
    }

    fn rotate_webhook(&self, receiver: i64) -> Result<Value, CliError> {
        self.changed_endpoint(Endpoints::Rotate { receiver })
    }

    fn delete_webhook(&self, receiver: i64) -> Result<(), CliError> {
        let request = ControlRequest::Endpoints(Endpoints::Delete { receiver });
        self.ask(&request, PURPOSE).map(drop)
    }

    fn pause_webhooks(&self, receiver: Option<i64>, paused: bool) -> Result<usize, CliError> {
        self.counted(if paused {
            Webhooks::Pause { receiver }
        } else {
            Webhooks::Resume { receiver }
        })
    }

    fn retry_webhook_message(&self, message: &str) -> Result<(), CliError> {
        let message = Some(message.to_owned());
        let request = ControlRequest::Webhooks(Webhooks::Retry { message });
        self.ask(&request, PURPOSE).map(drop)
    }

    fn retry_webhooks(&self) -> Result<usize, CliError> {
        self.counted(Webhooks::Retry { message: None })
    }

    fn test_webhooks(&self, receiver: Option<i64>) -> Result<Vec<Tested>, CliError> {
        let settings = &self.context().settings;
        let request = ControlRequest::Webhooks(Webhooks::Test { receiver });
        // A receiver that does not answer takes as long as the setting lets it, and connecting before that.
        let patience = settings.webhook_timeout;
        let answer = block_on(async {
            let mut server = ControlClient::required(&settings.database, PURPOSE).await?;
            server.ask_with_timeout(&request, patience).await
        });
        match answer? {
            Answer::Tested { receivers } => Ok(receivers),
            _ => Err(unexpected()),
        }
    }
}

impl Local {
    fn counted(&self, asked: Webhooks) -> Result<usize, CliError> {
        match self.ask(&ControlRequest::Webhooks(asked), PURPOSE)? {
            Answer::Counted { count } => Ok(count),
            _ => Err(unexpected()),
        }
    }

    fn changed_endpoint(&self, asked: Endpoints) -> Result<Value, CliError> {
        match self.ask(&ControlRequest::Endpoints(asked), PURPOSE)? {
            Answer::Endpoint { endpoint } => Ok(endpoint),
            _ => Err(unexpected()),
        }
    }
}

fn unexpected() -> CliError {
    CliError::new("the server sent an unexpected response")
}

impl WebhookSource for Remote {
    fn webhooks(&self) -> Result<Vec<Value>, CliError> {
        let mut page = self.api().get(&["webhooks"], &[])?;
        match page["items"].take() {
            Value::Array(endpoints) => Ok(endpoints),
            _ => Ok(Vec::new()),
        }
    }

    fn webhook_messages(&self, state: Option<State>, limit: u32) -> Result<Vec<Value>, CliError> {
        let state = state.map(|state| ("state", state.as_str().to_owned()));
        let query: Vec<_> = state.into_iter().collect();
        Ok(self.pages(&["webhooks", "messages"], &query, limit)?.0)
    }

    fn make_webhook(&self, endpoint: Value) -> Result<Value, CliError> {
        let request = Request::new(Method::POST, &["webhooks"]);
        Ok(self.api().send(&request.body(endpoint))??)
    }

    fn rotate_webhook(&self, receiver: i64) -> Result<Value, CliError> {
        let request = endpoint(Method::POST, receiver, &["rotate"]);
        Ok(self.api().send(&request)??)
    }

    fn delete_webhook(&self, receiver: i64) -> Result<(), CliError> {
        let request = endpoint(Method::DELETE, receiver, &[]);
        self.api().send(&request)??;
        Ok(())
    }

    fn pause_webhooks(&self, receiver: Option<i64>, paused: bool) -> Result<usize, CliError> {
        let endpoints = self.selected(receiver)?.into_iter();
        let to_change = endpoints.filter(|one| (one["state"] == "paused") != paused);
        let mut changed = 0;
        for receiver in to_change.filter_map(|one| one["receiver"].as_i64()) {
            let request = endpoint(Method::PATCH, receiver, &[]);
            self.api()
                .send(&request.body(json!({ "paused": paused })))??;
            changed += 1;
        }
        Ok(changed)
    }

    fn retry_webhook_message(&self, message: &str) -> Result<(), CliError> {
        self.selected(None)?;
        let request = Request::new(Method::POST, &["webhooks", "messages", message, "retry"]);
        match absent_if("not_found", self.api().send(&request)?)? {
            Some(_) => Ok(()),
            None => Err(CliError::new(no_such_message(message))),
        }
    }

    fn retry_webhooks(&self) -> Result<usize, CliError> {
        self.selected(None)?;
        let request = Request::new(Method::POST, &["webhooks", "retry"]);
        Ok(count(&self.api().send(&request)??, "retried"))
    }

    fn test_webhooks(&self, receiver: Option<i64>) -> Result<Vec<Tested>, CliError> {
        let endpoints = self.selected(receiver)?.into_iter();
        let test = |receiver| {
            let request = endpoint(Method::POST, receiver, &["test"]);
            serde_json::from_value(self.api().send(&request)??).map_err(|_| unexpected())
        };
        let receivers = endpoints.filter_map(|one| one["receiver"].as_i64());
        receivers.map(test).collect()
    }
}

impl Remote {
    /// Returns the endpoint `receiver`, or all if none is given, as a server of this machine selects them.
    fn selected(&self, receiver: Option<i64>) -> Result<Vec<Value>, CliError> {
        let mut endpoints = self.webhooks()?;
        if endpoints.is_empty() {
            return Err(CliError::new(NO_ENDPOINTS));
        }
        endpoints.retain(|one| receiver.is_none_or(|wanted| one["receiver"] == wanted));
        if endpoints.is_empty() {
            return Err(CliError::new(NO_SUCH_ENDPOINT));
        }
        Ok(endpoints)
    }
}

/// Returns the request `method` for `action` of an endpoint.
fn endpoint(method: Method, receiver: i64, action: &[&str]) -> Request {
    let receiver = receiver.to_string();
    let path = [&["webhooks", receiver.as_str()], action].concat();
    Request::new(method, &path)
}
