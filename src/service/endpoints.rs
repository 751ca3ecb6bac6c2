//! Webhook endpoints beside those of the settings: made by the team's backend or an administrator.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::store::Write;
use crate::webhook_model::EventType;
use crate::webhook_model::delivery::EndpointId;
use crate::webhook_model::message::WebhookEndpoint;

use super::{Core, Error, Webhooks};

/// Time for which a replaced secret signs beside the new one.
const OVERLAP: Duration = Duration::from_hours(24);

/// Maximum number of endpoints beside those of the settings: each has a worker, and each event is stored for each.
pub const MOST_ENDPOINTS: usize = 16;

/// Endpoint to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEndpoint {
    /// Its URL.
    pub url: String,
    /// Event types that it receives; `webhook_events` if none are given.
    pub events: Option<Vec<EventType>>,
}

impl Webhooks {
    /// Makes a webhook endpoint with a new secret.
    ///
    /// # Errors
    /// [`Error::EndpointExists`], [`Error::TooManyEndpoints`], [`Error::Unavailable`].
    pub async fn make_endpoint(&self, new: NewEndpoint) -> Result<WebhookEndpoint, Error> {
        let core = Arc::clone(&self.0);
        let job = move |db: &Write<'_>| core.make_endpoint(db, new);
        self.0.store.write(job).await
    }

    /// Gives the endpoint `id` a new secret; the present one signs for a day beside it.
    ///
    /// # Errors
    /// [`Error::EndpointNotFound`], [`Error::EndpointOfSettings`], [`Error::Unavailable`].
    pub async fn rotate_endpoint(&self, id: EndpointId) -> Result<WebhookEndpoint, Error> {
        let core = Arc::clone(&self.0);
        let job = move |db: &Write<'_>| core.rotate_endpoint(db, id);
        self.0.store.write(job).await
    }

    /// Deletes the endpoint `id` and what waits for it.
    ///
    /// # Errors
    /// [`Error::EndpointNotFound`], [`Error::EndpointOfSettings`], [`Error::Unavailable`].
    pub async fn remove_endpoint(&self, id: EndpointId) -> Result<(), Error> {
        let core = Arc::clone(&self.0);
        let job = move |db: &Write<'_>| core.remove_endpoint(db, id);
        self.0.store.write(job).await
    }
}

impl Core {
    /// Makes a webhook endpoint with a new secret. Runs inside the writer's job.
    pub(super) fn make_endpoint(
        self: &Arc<Self>,
        db: &Write<'_>,
        new: NewEndpoint,
    ) -> Result<WebhookEndpoint, Error> {
        let before = db.receivers()?;
        if before.iter().filter(|one| one.made.is_some()).count() >= MOST_ENDPOINTS {
            return Err(Error::TooManyEndpoints(MOST_ENDPOINTS));
        }
        let common = || self.webhook_outbox.common_events();
        let events = new.events.unwrap_or_else(common);
        let now = self.clock.now();
        if !db.add_receiver(&new.url, &events, &self.new_secret(), now)? {
            return Err(Error::EndpointExists);
        }
        self.endpoints_changed(db)?;
        let mut receivers = db.receivers()?.into_iter();
        let made = receivers.find(|one| one.url == new.url);
        made.ok_or(Error::EndpointNotFound)
    }

    /// Gives an endpoint a new secret; the present one signs for a day beside it. Runs inside the writer's job.
    pub(super) fn rotate_endpoint(
        self: &Arc<Self>,
        db: &Write<'_>,
        id: EndpointId,
    ) -> Result<WebhookEndpoint, Error> {
        endpoint(db, id)?;
        let until = self.clock.now().plus(OVERLAP);
        db.rotate_secret(id, &self.new_secret(), until)?;
        self.endpoints_changed(db)?;
        endpoint(db, id)
    }

    /// Deletes an endpoint and what waits for it. Runs inside the writer's job.
    pub(super) fn remove_endpoint(
        self: &Arc<Self>,
        db: &Write<'_>,
        id: EndpointId,
    ) -> Result<(), Error> {
        endpoint(db, id)?;
        db.remove_receiver(id)?;
        Ok(self.endpoints_changed(db)?)
    }

    /// Returns a new secret as Standard Webhooks writes them.
    fn new_secret(&self) -> String {
        let bytes: [u8; 32] = self.random.value();
        format!("whsec_{}", BASE64.encode(bytes))
    }
}

/// Returns the endpoint `id`, which the settings do not name.
fn endpoint(db: &Write<'_>, id: EndpointId) -> Result<WebhookEndpoint, Error> {
    let mut receivers = db.receivers()?.into_iter();
    let found = receivers.find(|one| one.id == id);
    let found = found.ok_or(Error::EndpointNotFound)?;
    if found.made.is_none() {
        return Err(Error::EndpointOfSettings(id));
    }
    Ok(found)
}
