//! State of this node, as others than the writer see it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::task::AbortHandle;

use super::PostReceiver;
use crate::store::NodeKey;
use crate::store::engine::Server;
use crate::system_time::ClockLead;

/// Time without PostgreSQL after which a node gives up if there are others: its clients find one of them.
const LONGEST_OUTAGE: Duration = Duration::from_secs(45);

/// State of the node, as others than the writer see it.
pub(in crate::store) struct Standing {
    pub(super) key: NodeKey,
    name: String,
    pub(super) clock_lead: ClockLead,
    pub(super) is_active: AtomicBool,
    pub(super) is_replaced: AtomicBool,
    pub(super) is_stopped: AtomicBool,
    pub(super) has_standby: AtomicBool,
    pub(super) requires_standby: AtomicBool,
    pub(super) has_others: AtomicBool,
    pub(super) has_duties: AtomicBool,
    pub(super) dead: Mutex<Vec<NodeKey>>,
    pub(super) receiver: OnceLock<PostReceiver>,
    /// Last time at which the lease was renewed.
    renewed: Mutex<Instant>,
    /// The writer's connection.
    connection: Mutex<Option<AbortHandle>>,
}

impl Standing {
    pub(super) fn new(key: NodeKey, name: &str, has_standby: bool, has_others: bool) -> Self {
        Self {
            key,
            name: name.to_owned(),
            clock_lead: ClockLead::default(),
            is_active: AtomicBool::new(true),
            is_replaced: AtomicBool::new(false),
            is_stopped: AtomicBool::new(false),
            has_standby: AtomicBool::new(has_standby),
            requires_standby: AtomicBool::new(false),
            has_others: AtomicBool::new(has_others),
            has_duties: AtomicBool::new(false),
            dead: Mutex::default(),
            receiver: OnceLock::new(),
            renewed: Mutex::new(Instant::now()),
            connection: Mutex::default(),
        }
    }

    /// Returns `self` and lets the node give up when PostgreSQL does not answer it for too long, if there are others.
    pub(super) fn watched(self, server: &Server) -> Arc<Self> {
        let standing = Arc::new(self);
        let (overdue, lost) = (Arc::downgrade(&standing), Arc::downgrade(&standing));
        let is_overdue = move || {
            let standing = overdue.upgrade().filter(|one| one.is_active())?;
            Some(standing.has_others() && standing.silence() > LONGEST_OUTAGE)
        };
        let give_up = move || {
            if let Some(standing) = lost.upgrade() {
                standing.is_active.store(false, Ordering::Relaxed);
                if let Some(connection) = standing.connection.lock().take() {
                    connection.abort();
                }
            }
        };
        server.watch(is_overdue, give_up);
        standing
    }

    /// Records the writer's connection.
    pub(super) fn hold_connection(&self, connection: AbortHandle) {
        *self.connection.lock() = Some(connection);
    }

    /// Records that the lease was renewed; returns how long ago the time before was.
    pub(super) fn record_renewal(&self) -> Duration {
        std::mem::replace(&mut *self.renewed.lock(), Instant::now()).elapsed()
    }

    /// Returns how long ago the lease was renewed.
    pub(super) fn silence(&self) -> Duration {
        self.renewed.lock().elapsed()
    }

    /// Returns the key of the node.
    pub const fn key(&self) -> NodeKey {
        self.key
    }

    /// Returns the name of the node.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether the node was not removed by others.
    pub fn is_active(&self) -> bool {
        self.is_active.load(Ordering::Relaxed)
    }

    /// Returns whether another node has started under the name of this one.
    pub fn is_replaced(&self) -> bool {
        self.is_replaced.load(Ordering::Relaxed)
    }

    /// Returns whether there are other nodes, which must know what changes.
    pub fn has_others(&self) -> bool {
        self.has_others.load(Ordering::Relaxed)
    }

    /// Returns whether this node does what one node does for all.
    pub fn has_duties(&self) -> bool {
        self.has_duties.load(Ordering::Relaxed)
    }

    /// Returns the nodes whose lease is over.
    pub fn dead(&self) -> Vec<NodeKey> {
        self.dead.lock().clone()
    }

    /// Hands posts of other nodes to `receiver` from now on.
    pub fn receive_posts(&self, receiver: PostReceiver) {
        // Set once, by the service of this store.
        let _ = self.receiver.set(receiver);
    }

    /// Returns the lead of PostgreSQL's clock, which is measured again and again.
    pub fn clock_lead(&self) -> ClockLead {
        self.clock_lead.clone()
    }

    /// Returns whether PostgreSQL waited for a standby when the node last looked.
    pub fn has_standby(&self) -> bool {
        self.has_standby.load(Ordering::Relaxed)
    }

    /// Refuses writes from now on while PostgreSQL does not wait for a standby.
    pub fn require_standby(&self) {
        self.requires_standby.store(true, Ordering::Relaxed);
    }

    /// Returns whether writes are refused for want of a standby.
    pub fn lacks_standby(&self) -> bool {
        self.requires_standby.load(Ordering::Relaxed) && !self.has_standby()
    }

    /// Records that the node stops in order.
    pub fn mark_stopped(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }
}
