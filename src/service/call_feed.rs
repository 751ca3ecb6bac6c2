//! Feed of committed call changes, for administrators who watch calls.

use std::sync::Arc;

use tokio::sync::broadcast;

use crate::call::{Call, TimelineEntry, Transition};

use super::Calls;

/// Maximum number of changes queued for one subscriber; a slower one gets the number of changes that it missed.
const BACKLOG: usize = 1024;

/// Change of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The call after the change.
    pub call: Call,
    /// The timeline entry of the change.
    pub entry: TimelineEntry,
}

/// Sender of the feed.
pub(super) struct CallFeed(broadcast::Sender<Arc<Change>>);

impl Default for CallFeed {
    fn default() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }
}

impl CallFeed {
    /// Returns the item for `transition`, if there is a subscriber.
    pub fn of(&self, transition: &Transition) -> Option<Arc<Change>> {
        (self.0.receiver_count() > 0).then(|| {
            Arc::new(Change {
                call: transition.call.clone(),
                entry: transition.entry.clone(),
            })
        })
    }

    /// Sends `change` to all subscribers.
    pub fn publish(&self, change: Arc<Change>) {
        // The last subscriber may have left since.
        let _ = self.0.send(change);
    }
}

/// Subscriber of the feed.
pub struct Subscriber(broadcast::Receiver<Arc<Change>>);

/// Item of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedItem {
    /// A call has changed.
    Change(Arc<Change>),
    /// So many changes were dropped because the subscriber was too slow.
    Missed(u64),
    /// The feed has ended.
    End,
}

impl Subscriber {
    /// Waits for the next item.
    pub async fn next(&mut self) -> FeedItem {
        match self.0.recv().await {
            Ok(change) => FeedItem::Change(change),
            Err(broadcast::error::RecvError::Lagged(missed)) => FeedItem::Missed(missed),
            Err(broadcast::error::RecvError::Closed) => FeedItem::End,
        }
    }
}

impl Calls {
    /// Subscribes to all changes of calls from now on, in the order of the commits.
    #[must_use]
    pub fn watch(&self) -> Subscriber {
        Subscriber(self.0.call_feed.0.subscribe())
    }
}
