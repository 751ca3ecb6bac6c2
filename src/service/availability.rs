//! Do not disturb: calls to the user do not ring, look to the caller like calls to an offline user, and are missed as
//! usual.

use std::sync::Arc;

use crate::call::{Status, transition};
use crate::clock::Timestamp;
use crate::store::{self, Read, Write};
use crate::user::{Availability, UserId};

use super::sessions::invitation;
use super::{Core, Error, Users};

impl Users {
    /// Returns whether calls ring for `user`.
    pub fn availability(&self, user: &UserId) -> Result<Availability, Error> {
        let now = self.0.clock.now();
        let set = self.0.store.read(|db| db.availability(user))?;
        Ok(set.at(now))
    }

    /// Sets whether calls ring for `user`. A call that waits for a user who is available again starts to ring; one that
    /// rings already continues.
    ///
    /// # Errors
    /// [`Error::PastInstant`] if do not disturb would have ended already, [`Error::Unavailable`].
    pub async fn set_availability(
        &self,
        user: UserId,
        availability: Availability,
    ) -> Result<Availability, Error> {
        let now = self.0.clock.now();
        if availability.at(now) != availability {
            return Err(Error::PastInstant);
        }
        let core = Arc::clone(&self.0);
        let job = move |db: &Write<'_>| -> Result<Availability, Error> {
            db.set_availability(&user, availability)?;
            if availability == Availability::Available {
                core.ring_waiting_call(db, &user, now)?;
            }
            Ok(availability)
        };
        self.0.store.write(job).await
    }
}

impl Core {
    /// Whether do not disturb is set for `user` now.
    pub(super) fn is_undisturbed(
        &self,
        db: &Read<'_>,
        user: &UserId,
    ) -> Result<bool, store::Error> {
        let availability = db.availability(user)?;
        Ok(availability.at(self.clock.now()).is_do_not_disturb())
    }

    /// Starts ringing the call that waits for `user`, if there is one and a session is connected. Runs inside the
    /// writer's job.
    fn ring_waiting_call(
        self: &Arc<Self>,
        db: &Write<'_>,
        user: &UserId,
        now: Timestamp,
    ) -> Result<(), Error> {
        let call = Core::unanswered_call_to(db, user, now)?;
        let waits = call.filter(|call| call.status() == Status::Initiating);
        let Some(call) = waits.filter(|_| self.hub.is_connected(user)) else {
            return Ok(());
        };
        let mut ring = transition::ring_on_availability(&call, now)?;
        ring.notices.push(invitation(db, ring.call.clone())?);
        Ok(self.apply(db, &ring)?)
    }
}
