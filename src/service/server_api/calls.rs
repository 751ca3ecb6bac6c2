//! Calls, as the team's backend sees, places and ends them.

use std::sync::Arc;

use crate::call::{Call, CallId, Principal, QualitySummary, Source, TimelineEntry, transition};
use crate::clock::Timestamp;
use crate::hub::EncodedNotice;
use crate::store::{CallCount, CallFilter, Read};
use crate::user::{SessionId, UserId};

use super::super::calls::Initiated;
use super::super::{Error, NewCall};
use super::{Change, Reply, Requester, ServerApi};

/// Session by which a backend acts for a user. No device has it, so all devices of the user get the call's events.
const SESSION: &str = "server-api";

/// Some calls, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallPage {
    /// The calls.
    pub items: Vec<Call>,
    /// The call after which the next page begins, if there is one.
    pub next: Option<CallId>,
}

/// All that is known of a call.
#[derive(Clone, Debug)]
pub struct CallDetails {
    /// The call.
    pub call: Call,
    /// What happened to it, oldest first.
    pub timeline: Vec<TimelineEntry>,
    /// What the caller and the callee have reported of its network.
    pub quality: [QualitySummary; 2],
    /// Its events and the sessions that they were sent to, if it is a recent call.
    pub deliveries: Vec<Arc<EncodedNotice>>,
}

/// Result of placing a call; both kinds are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placed {
    /// The call was made.
    Made(Call),
    /// The callee is in another call.
    Busy(UserId),
}

impl ServerApi {
    /// Returns at most `limit` calls that `filter` selects, newest first.
    pub fn calls(&self, filter: &CallFilter, limit: u32) -> Result<CallPage, Error> {
        // One more than is shown tells whether there is a next page.
        let wanted = limit.saturating_add(1);
        let mut items = self.0.store.read_at_length(|db| db.calls(filter, wanted))?;
        let shown = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = items.len() > shown;
        items.truncate(shown);
        let next = items.last().filter(|_| has_more).map(|call| call.id);
        Ok(CallPage { items, next })
    }

    /// Returns the call of that id with all that is known of it.
    ///
    /// # Errors
    /// [`Error::CallNotFound`], [`Error::Unavailable`].
    pub fn call(&self, id: CallId) -> Result<CallDetails, Error> {
        let read = |db: &Read<'_>| -> Result<CallDetails, Error> {
            Ok(CallDetails {
                call: db.call(id)?.ok_or(Error::CallNotFound)?,
                timeline: db.timeline(id)?,
                quality: db.quality(id)?,
                deliveries: self.0.hub.recent_events(id),
            })
        };
        self.0.store.read_at_length(read)
    }

    /// Ends a live call; both participants are notified. `reply` makes the answer.
    ///
    /// # Errors
    /// [`Error::CallNotFound`], [`Error::Refused`], [`Error::Unavailable`].
    pub async fn end_call(
        &self,
        requester: Requester,
        id: CallId,
        reply: fn(&Call) -> Reply,
    ) -> Result<Reply, Error> {
        let core = Arc::clone(&self.0);
        self.change_once(requester, move |db| {
            let call = db.call(id)?.ok_or(Error::CallNotFound)?;
            let ended = transition::end_by_admin(&call, Source::Backend, core.clock.now())?;
            core.apply(db, &ended)?;
            Ok((reply(&ended.call), Some(Change::of("call.end", id))))
        })
        .await
    }

    /// Places a call in the name of `caller`. `reply` makes the answer.
    ///
    /// # Errors
    /// [`Error::OwnNumber`], [`Error::UserNotFound`], [`Error::Refused`], [`Error::CallerBusy`],
    /// [`Error::Unavailable`].
    pub async fn place_call(
        &self,
        requester: Requester,
        caller: UserId,
        new: NewCall,
        reply: fn(&Placed) -> Reply,
    ) -> Result<Reply, Error> {
        if new.callee == caller {
            return Err(Error::OwnNumber);
        }
        let core = Arc::clone(&self.0);
        self.change_once(requester, move |db| {
            let principal = Principal {
                user: caller,
                session: SessionId::new(SESSION),
                via: Source::Backend,
            };
            let (placed, subject) = match core.initiate(db, &principal, new)? {
                Initiated::Made(call) => {
                    let subject = call.id.to_string();
                    (Placed::Made(call), subject)
                }
                Initiated::RefusedAsBusy(callee) => {
                    let subject = callee.to_string();
                    (Placed::Busy(callee), subject)
                }
            };
            Ok((reply(&placed), Some(Change::of("call.place", subject))))
        })
        .await
    }

    /// Returns the calls that were created from `from` until before `to`, counted by day, type and status.
    pub fn count_calls(&self, from: Timestamp, to: Timestamp) -> Result<Vec<CallCount>, Error> {
        Ok(self.0.store.read_at_length(|db| db.count_calls(from, to))?)
    }
}
