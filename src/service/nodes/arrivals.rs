//! Sessions that move from another node: their first events wait for those that the other nodes owe them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crate::call::Notice;
use crate::hub::{EncodedNotice, SessionQueue, Subscription};
use crate::store::{NodeKey, Write};
use crate::user::{SessionId, UserId};

use super::{Nodes, OtherNodes};

/// How long the first events of a session wait for those that other nodes owe it.
const HANDOVER: Duration = Duration::from_secs(1);

/// Session that was known to other nodes: its first events wait for those that they owe it.
pub(in crate::service) struct Arrival {
    pub queue: Arc<SessionQueue>,
    /// Events that it is owed here.
    pub owed: Vec<Arc<EncodedNotice>>,
    /// Invitation to the call that rings.
    pub ringing: Option<Arc<EncodedNotice>>,
    /// Nodes that have not answered.
    pub awaited: HashSet<NodeKey>,
}

impl Arrival {
    fn finish(mut self) {
        self.owed.sort_by_key(|notice| notice.notice().at);
        self.queue
            .preload(self.owed.into_iter().chain(self.ringing));
    }
}

impl OtherNodes {
    /// Adds the first events to a session; they wait for the nodes `awaited`, and for those that its connection before waits
    /// for.
    pub fn arrive(&self, user: &UserId, mut arrival: Arrival) {
        let key = (user.clone(), arrival.queue.session().clone());
        self.given_up.lock().remove(&key);
        let mut arrivals = self.arrivals.lock();
        if let Some(before) = arrivals.remove(&key) {
            arrival.awaited.extend(before.awaited);
        }
        if arrival.awaited.is_empty() {
            return arrival.finish();
        }
        arrival.queue.hold();
        arrivals.insert(key, arrival);
    }

    fn is_awaiting(&self, user: &UserId, queue: &SessionQueue) -> bool {
        let key = (user.clone(), queue.session().clone());
        let arrivals = self.arrivals.lock();
        arrivals
            .get(&key)
            .is_some_and(|one| std::ptr::eq(Arc::as_ptr(&one.queue), queue))
    }

    /// Adds what `node` owes to a session. Returns the events if the session does not wait for them.
    pub(super) fn add_owed(
        &self,
        user: &UserId,
        session: &SessionId,
        node: NodeKey,
        owed: Vec<Arc<EncodedNotice>>,
    ) -> Vec<Arc<EncodedNotice>> {
        let mut arrivals = self.arrivals.lock();
        let key = (user.clone(), session.clone());
        let Some(arrival) = arrivals.get_mut(&key) else {
            return owed;
        };
        arrival.owed.extend(owed);
        arrival.awaited.remove(&node);
        if arrival.awaited.is_empty()
            && let Some(arrival) = arrivals.remove(&key)
        {
            arrival.finish();
        }
        Vec::new()
    }

    /// Takes the arrival of a session that has waited for too long.
    fn give_up(&self, user: &UserId, queue: &SessionQueue) -> Option<Arrival> {
        if !self.is_awaiting(user, queue) {
            return None;
        }
        let key = (user.clone(), queue.session().clone());
        self.given_up.lock().insert(key.clone());
        self.arrivals.lock().remove(&key)
    }

    /// Whether the events of a session were derived because another node did not answer in time: what it still sends is
    /// among them.
    pub(super) fn has_given_up(&self, user: &UserId, session: &SessionId) -> bool {
        let key = (user.clone(), session.clone());
        self.given_up.lock().contains(&key)
    }

    /// Forgets a session, which has left.
    pub fn forget(&self, user: &UserId, session: &SessionId) {
        let key = (user.clone(), session.clone());
        self.given_up.lock().remove(&key);
    }
}

impl Nodes {
    /// Delivers the first events of a session that waits for other nodes, at the latest after a second.
    pub(in crate::service) fn await_handover(&self, subscription: &Subscription) {
        let (user, queue) = (subscription.user(), subscription.queue());
        if !self.0.other_nodes.is_awaiting(user, queue) {
            return;
        }
        let (core, user, queue) = (Arc::clone(&self.0), user.clone(), Arc::clone(queue));
        tokio::spawn(async move {
            tokio::time::sleep(HANDOVER).await;
            let Some(mut arrival) = core.other_nodes.give_up(&user, &queue) else {
                return;
            };
            let (reader, session) = (Arc::clone(&core), queue.session().clone());
            let whose = user.clone();
            let derive = move |db: &Write<'_>| reader.recent_events_of(db, &whose);
            match core.store.write(derive).await {
                Ok(events) => {
                    let lacked = events
                        .into_iter()
                        .filter(|(_, lacking)| lacking.includes(&session))
                        .map(|(notice, _)| notice);
                    let lacked: Vec<Notice> = lacked
                        .filter(|notice| {
                            let mut known = arrival.owed.iter();
                            !known.any(|one| one.notice().event == notice.event)
                                && !queue.contains(&notice.event)
                        })
                        .collect();
                    arrival
                        .owed
                        .extend(core.hub.take_over(&user, &session, lacked));
                }
                Err(error) => {
                    tracing::warn!(%error, "events of a session from another node are not known");
                }
            }
            arrival.finish();
        });
    }
}
