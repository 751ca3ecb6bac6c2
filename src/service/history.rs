//! Use cases of call history.

use std::sync::Arc;

use crate::call::{CallId, EntryId, Filter, PastCall, Period, Statistics};
use crate::store::{HistoryQuery, Write};
use crate::user::UserId;

use super::{Core, Error};

/// Entries deleted between two checks of the time slice: neighbours, which take about 0.2 ms.
const STEP: u32 = 256;

/// Page of a user's history, the newest call first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The entries.
    pub items: Vec<PastCall>,
    /// The call after which the next page begins, if there is one.
    pub next: Option<CallId>,
}

/// Use cases of call history: pages, unseen count, statistics, retention.
pub struct History(pub(super) Arc<Core>);

impl History {
    /// Returns at most `limit` of the user's entries that match `filter`: those of the newest calls, or of the newest
    /// calls before the call `before`.
    pub fn page(
        &self,
        user: &UserId,
        filter: Filter,
        before: Option<CallId>,
        limit: u32,
    ) -> Result<Page, Error> {
        // One more than the page shows whether there is a next page.
        let wanted = HistoryQuery {
            owner: user,
            filter,
            before: before.unwrap_or(CallId::LAST),
            limit: limit.saturating_add(1),
        };
        let mut items = self.0.store.read_at_length(|db| db.past_calls(&wanted))?;
        let shown = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = items.len() > shown;
        items.truncate(shown);
        let next = items.last().filter(|_| has_more).map(|last| last.id.call);
        Ok(Page { items, next })
    }

    /// Deletes one of the user's entries.
    ///
    /// # Errors
    /// [`Error::EntryNotFound`], [`Error::Unavailable`].
    pub async fn delete(&self, user: UserId, id: EntryId) -> Result<(), Error> {
        let job = move |db: &Write<'_>| -> Result<(), Error> {
            if db.delete_past_call(&user, id)? {
                Ok(())
            } else {
                Err(Error::EntryNotFound)
            }
        };
        self.0.store.write(job).await
    }

    /// Deletes all of the user's entries; returns how many. Entries added meanwhile may be deleted or not.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; some may be deleted then.
    pub async fn delete_all(&self, user: UserId) -> Result<u64, Error> {
        self.0
            .run_in_batches(move |db| {
                let deleted = db.delete_past_calls(&user, STEP)?;
                Ok((deleted, deleted < u64::from(STEP)))
            })
            .await
    }

    /// Returns how many calls the user has missed since the history was last marked as seen.
    pub fn unseen(&self, user: &UserId) -> Result<u64, Error> {
        Ok(self.0.store.read(|db| db.unseen(user))?)
    }

    /// Marks all missed calls of the user as seen.
    pub async fn mark_seen(&self, user: UserId) -> Result<(), Error> {
        let job = move |db: &Write<'_>| -> Result<(), Error> {
            db.mark_seen(&user)?;
            Ok(())
        };
        self.0.store.write(job).await
    }

    /// Returns the statistics of the user's entries in `period`.
    pub fn statistics(&self, user: &UserId, period: Period) -> Result<Statistics, Error> {
        let since = period.start(self.0.clock.now());
        Ok(self
            .0
            .store
            .read_at_length(|db| db.statistics(user, since))?)
    }
}
