//! Webhook endpoints that the team's backend makes, beside those of the settings.

use std::sync::Arc;

use crate::webhook_model::MessageId;
use crate::webhook_model::delivery::{EndpointId, PauseCause};
use crate::webhook_model::message::{Tally, WebhookEndpoint};

use super::super::endpoints::NewEndpoint;
use super::super::{Error, Webhooks};
use super::{Change, Reply, Requester, ServerApi};

impl ServerApi {
    /// Returns the webhook endpoints, by number, with what waits for each.
    pub fn endpoints(&self) -> Result<Vec<(WebhookEndpoint, Tally)>, Error> {
        self.0.store.read_at_length(|db| {
            let receivers = db.receivers()?.into_iter();
            let tallied = receivers.map(|one| db.tally(one.id).map(|tally| (one, tally)));
            Ok(tallied.collect::<Result<_, _>>()?)
        })
    }

    /// Makes a webhook endpoint with a new secret. `reply` makes the answer.
    ///
    /// # Errors
    /// [`Error::EndpointExists`], [`Error::TooManyEndpoints`], [`Error::Unavailable`].
    pub async fn make_endpoint(
        &self,
        requester: Requester,
        new: NewEndpoint,
        reply: fn(&WebhookEndpoint) -> Reply,
    ) -> Result<Reply, Error> {
        let core = Arc::clone(&self.0);
        self.change_once(requester, move |db| {
            let made = core.make_endpoint(db, new)?;
            Ok((reply(&made), Some(Change::of("webhook.create", made.id))))
        })
        .await
    }

    /// Gives the endpoint `id` a new secret; the present one signs for a day beside it. `reply` makes the answer.
    ///
    /// # Errors
    /// [`Error::EndpointNotFound`], [`Error::EndpointOfSettings`], [`Error::Unavailable`].
    pub async fn rotate_endpoint(
        &self,
        requester: Requester,
        id: EndpointId,
        reply: fn(&WebhookEndpoint) -> Reply,
    ) -> Result<Reply, Error> {
        let core = Arc::clone(&self.0);
        self.change_once(requester, move |db| {
            let rotated = core.rotate_endpoint(db, id)?;
            Ok((reply(&rotated), Some(Change::of("webhook.rotate", id))))
        })
        .await
    }

    /// Deletes the endpoint `id` and what waits for it.
    ///
    /// # Errors
    /// [`Error::EndpointNotFound`], [`Error::EndpointOfSettings`], [`Error::Unavailable`].
    pub async fn remove_endpoint(&self, requester: Requester, id: EndpointId) -> Result<(), Error> {
        let core = Arc::clone(&self.0);
        self.change(requester, move |db| {
            core.remove_endpoint(db, id)?;
            Ok(((), Some(Change::of("webhook.delete", id))))
        })
        .await
    }

    /// Pauses the endpoint `id`, or resumes it; returns it with what waits for it.
    ///
    /// # Errors
    /// [`Error::EndpointNotFound`], [`Error::Unavailable`].
    pub async fn pause_endpoint(
        &self,
        requester: Requester,
        id: EndpointId,
        paused: bool,
    ) -> Result<(WebhookEndpoint, Tally), Error> {
        let core = Arc::clone(&self.0);
        self.change(requester, move |db| {
            let (action, changed) = if paused {
                let cause = PauseCause::Administrator;
                let paused = db.pause_receiver(id, cause, core.clock.now())?;
                ("webhook.pause", paused)
            } else {
                ("webhook.resume", db.resume_receiver(id)?)
            };
            let mut receivers = db.receivers()?.into_iter();
            let receiver = receivers.find(|one| one.id == id);
            let receiver = receiver.ok_or(Error::EndpointNotFound)?;
            core.wake_senders(db);
            let change = changed.then(|| Change::of(action, id));
            Ok(((receiver, db.tally(id)?), change))
        })
        .await
    }

    /// Makes the message `id` due again at all its endpoints, delivered or not. `reply` makes the answer.
    ///
    /// # Errors
    /// [`Error::MessageNotFound`], [`Error::Unavailable`].
    pub async fn retry_message(
        &self,
        requester: Requester,
        id: MessageId,
        reply: Reply,
    ) -> Result<Reply, Error> {
        let (core, now) = (Arc::clone(&self.0), self.0.clock.now());
        self.change_once(requester, move |db| {
            if !core.retry_message(db, id, now)? {
                return Err(Error::MessageNotFound);
            }
            Ok((reply, Some(Change::of("webhook.retry", id))))
        })
        .await
    }

    /// Makes due whatever waits for another attempt or was given up. `reply` makes the answer of how many deliveries
    /// these are.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; some may be due then.
    pub async fn retry_messages(
        &self,
        requester: Requester,
        reply: fn(usize) -> Reply,
    ) -> Result<Reply, Error> {
        let webhooks = Webhooks(Arc::clone(&self.0));
        let work = async {
            let retried = webhooks.retry_all().await?;
            let change =
                (retried > 0).then(|| Change::of("webhook.retry", format!("{retried} deliveries")));
            Ok((reply(retried), change))
        };
        self.work_once(requester, work).await
    }

    /// Tests the endpoint `id` by `test`, once for a repeated request. `test` returns none if there is no such endpoint.
    ///
    /// # Errors
    /// [`Error::EndpointNotFound`], [`Error::Unavailable`].
    pub async fn test_endpoint(
        &self,
        requester: Requester,
        id: EndpointId,
        test: impl AsyncFnOnce(Vec<WebhookEndpoint>) -> Option<Reply>,
    ) -> Result<Reply, Error> {
        let webhooks = Webhooks(Arc::clone(&self.0));
        let work = async {
            let mut receivers = webhooks.receivers()?;
            receivers.retain(|one| one.id == id);
            let reply = test(receivers).await.ok_or(Error::EndpointNotFound)?;
            Ok((reply, None))
        };
        self.work_once(requester, work).await
    }
}
