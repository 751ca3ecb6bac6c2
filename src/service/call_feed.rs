//! What happens to calls, as it is committed, for administrators who watch.

use std::sync::Arc;

use tokio::sync::broadcast;

use crate::call::{Call, TimelineEntry, Transition};

use super::Calls;

/// Changes that may wait for one watcher; one who is slower is told how many it missed.
const BACKLOG: usize = 1024;

/// A change of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The call as it is from now on.
    pub call: Call,
    /// How it came to that.
    pub entry: TimelineEntry,
}

/// Where changes are announced.
pub(super) struct CallFeed(broadcast::Sender<Arc<Change>>);

impl Default for CallFeed {
    fn default() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }
}

impl CallFeed {
    /// The item for `transition`, if anybody watches.
    pub fn of(&self, transition: &Transition) -> Option<Arc<Change>> {
        (self.0.receiver_count() > 0).then(|| {
            Arc::new(Change {
                call: transition.call.clone(),
                entry: transition.entry.clone(),
            })
        })
    }

    /// Tells everybody who watches.
    pub fn tell(&self, change: Arc<Change>) {
        // The last watcher may have gone since.
        let _ = self.0.send(change);
    }
}

/// Somebody who watches.
pub struct Subscriber(broadcast::Receiver<Arc<Change>>);

/// What a watcher hears next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedItem {
    /// A call has changed.
    Change(Arc<Change>),
    /// So many changes came faster than the watcher took them.
    Missed(u64),
    /// There will be no more.
    End,
}

impl Subscriber {
    /// Waits for the next change.
    pub async fn next(&mut self) -> FeedItem {
        match self.0.recv().await {
            Ok(change) => FeedItem::Change(change),
            Err(broadcast::error::RecvError::Lagged(missed)) => FeedItem::Missed(missed),
            Err(broadcast::error::RecvError::Closed) => FeedItem::End,
        }
    }
}

impl Calls {
    /// Every change of a call from now on, in the order of the commits.
    #[must_use]
    pub fn watch(&self) -> Subscriber {
        Subscriber(self.0.call_feed.0.subscribe())
    }
}
