//! Webhook endpoints that the team's backend makes, beside those of the settings.

use std::sync::Arc;

use crate::webhook_model::delivery::EndpointId;
use crate::webhook_model::message::{Receiver, Tally};

use super::super::endpoints::NewEndpoint;
use super::super::{Error, Webhooks};
use super::{Change, Reply, Requester, ServerApi};

impl ServerApi {
    /// Returns the webhook endpoints, by number, with what waits for each.
    pub fn endpoints(&self) -> Result<Vec<(Receiver, Tally)>, Error> {
        Webhooks(Arc::clone(&self.0)).backlogs()
    }

    /// Makes a webhook endpoint with a new secret. `reply` makes the answer.
    ///
    /// # Errors
    /// [`Error::EndpointExists`], [`Error::TooManyEndpoints`], [`Error::Unavailable`].
    pub async fn make_endpoint(
        &self,
        requester: Requester,
        new: NewEndpoint,
        reply: fn(&Receiver) -> Reply,
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
        reply: fn(&Receiver) -> Reply,
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
}
