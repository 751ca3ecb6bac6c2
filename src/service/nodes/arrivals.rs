//! Sessions that move from another node: their first events wait for those that the other nodes owe them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

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
    /// Nodes that have.
    pub answered: HashSet<NodeKey>,
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
        arrival.answered.insert(node);
        if arrival.awaited.is_empty()
            && let Some(arrival) = arrivals.remove(&key)
        {
            arrival.finish();
        }
        Vec::new()
    }

    /// Lets a session wait for `others` too: they have not answered the node that it comes from.
    pub(super) fn await_others(&self, user: &UserId, session: &SessionId, others: Vec<NodeKey>) {
        let key = (user.clone(), session.clone());
        if let Some(arrival) = self.arrivals.lock().get_mut(&key) {
            let others = others.into_iter();
            let others = others.filter(|one| !arrival.answered.contains(one));
            arrival.awaited.extend(others);
        }
    }

    /// Removes a session that has moved on to `node`; returns the others that it still waits for.
    pub(super) fn move_on(
        &self,
        user: &UserId,
        session: &SessionId,
        node: NodeKey,
    ) -> Vec<NodeKey> {
        let key = (user.clone(), session.clone());
        let arrival = self.arrivals.lock().remove(&key);
        let awaited = arrival.map(|one| one.awaited).unwrap_or_default();
        awaited.into_iter().filter(|one| *one != node).collect()
    }

    /// Gives up the other nodes if the session has waited for too long; returns whether it has.
    fn give_up(&self, user: &UserId, queue: &SessionQueue) -> bool {
        let is_awaiting = self.is_awaiting(user, queue);
        if is_awaiting {
            let key = (user.clone(), queue.session().clone());
            self.given_up.lock().insert(key);
        }
        is_awaiting
    }

    /// Delivers the first events of a session that waits no more, with those that `derive` returns; nothing if the session
    /// has moved on. What is derived is known before the session can move on.
    fn finish(
        &self,
        user: &UserId,
        queue: &SessionQueue,
        derive: impl FnOnce(&Arrival) -> Vec<Arc<EncodedNotice>>,
    ) {
        let key = (user.clone(), queue.session().clone());
        let mut arrivals = self.arrivals.lock();
        let is_this = |one: &Arrival| std::ptr::eq(Arc::as_ptr(&one.queue), queue);
        if arrivals.get(&key).is_some_and(is_this)
            && let Some(mut arrival) = arrivals.remove(&key)
        {
            let derived = derive(&arrival);
            arrival.owed.extend(derived);
            arrival.finish();
        }
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
            if !core.other_nodes.give_up(&user, &queue) {
                return;
            }
            let (reader, whose) = (Arc::clone(&core), user.clone());
            let derive = move |db: &Write<'_>| reader.recent_events_of(db, &whose);
            let events = core.store.write(derive).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "events of a session from another node are not known");
                Vec::new()
            });
            core.other_nodes.finish(&user, &queue, |arrival| {
                let session = queue.session();
                let events = events.into_iter();
                let lacked = events.filter(|(notice, lacking)| {
                    let mut known = arrival.owed.iter();
                    lacking.includes(session)
                        && known.all(|one| one.notice().event != notice.event)
                        && !queue.contains(&notice.event)
                });
                let lacked = lacked.map(|(notice, _)| notice).collect();
                core.hub.take_over(&user, session, lacked)
            });
        });
    }
}
