//! A connection that the scheduler sees.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::hub::{EncodedNotice, Hub, SessionQueue, Slot, Subscription};
use crate::sync::{Mutex, Notify};
use crate::user::SessionId;
use crate::{HERE, bob};

use super::event_loop::{self, End, Patience, Transport};

/// Both ends of a connection. Cheap to clone.
#[derive(Clone)]
pub struct Connection(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// Notices that the peer reads before it stops.
    room: usize,
    /// Messages of the peer.
    said: VecDeque<End>,
    /// The peer is gone, without a close.
    vanished: bool,
    /// Notices whose send has begun.
    begun: usize,
    told: Vec<i64>,
    /// Close reason of each close.
    closed: Vec<(End, Patience)>,
}

impl Connection {
    /// Makes a connection with a peer that reads `room` notices.
    pub fn new(room: usize) -> Self {
        let state = State {
            room,
            ..State::default()
        };
        Self(Arc::new(Inner {
            state: Mutex::new(state),
            changed: Notify::new(),
        }))
    }

    /// Closes the connection from the peer.
    pub fn hang_up(&self) {
        let goodbye = End::ByPeer(Some(1000));
        self.0.state.lock().said.push_back(goodbye);
        self.0.changed.notify_one();
    }

    /// Removes the peer without a close.
    pub fn vanish(&self) {
        self.0.state.lock().vanished = true;
        self.0.changed.notify_one();
    }

    /// Returns the notices that the peer received, by their instants.
    pub fn told(&self) -> Vec<i64> {
        self.0.state.lock().told.clone()
    }

    /// Returns how many sends of notices have begun: the received ones, and at most one that could not be sent.
    pub fn begun(&self) -> usize {
        self.0.state.lock().begun
    }

    /// Returns the close reason of each close.
    pub fn closed(&self) -> Vec<(End, Patience)> {
        self.0.state.lock().closed.clone()
    }

    async fn write(&self, at: i64) -> Result<(), End> {
        loop {
            {
                let mut state = self.0.state.lock();
                if state.vanished {
                    return Err(End::Gone);
                }
                if state.room > 0 {
                    state.room -= 1;
                    state.told.push(at);
                    return Ok(());
                }
            }
            self.0.changed.notified().await;
        }
    }

    async fn read(&self) -> End {
        loop {
            {
                let mut state = self.0.state.lock();
                if let Some(said) = state.said.pop_front() {
                    return said;
                }
                if state.vanished {
                    return End::Gone;
                }
            }
            self.0.changed.notified().await;
        }
    }
}

/// One of Bob's sessions, with its slot and its entry in the hub.
pub struct Session {
    hub: Hub,
    connection: Connection,
    place: Slot,
    subscription: Subscription,
}

/// Returns the peer of a session.
struct Bob<'a> {
    connection: &'a Connection,
    outbox: &'a SessionQueue,
}

impl Session {
    pub fn enter(hub: &Hub, session: &str, connection: &Connection) -> Self {
        let subscription = hub.subscribe(&bob(), &SessionId::new(session));
        Self::of(hub, subscription, connection)
    }

    /// Makes the session of an entry of `hub`.
    pub fn of(hub: &Hub, subscription: Subscription, connection: &Connection) -> Self {
        Self {
            hub: hub.clone(),
            connection: connection.clone(),
            place: hub
                .admit(&bob(), &SessionId::new("1"), HERE)
                .expect("a place"),
            subscription,
        }
    }

    /// Returns the queue of the session.
    pub fn queue(&self) -> Arc<SessionQueue> {
        Arc::clone(self.subscription.queue())
    }

    /// Runs from the first notice until the slot is released: returns why it ended, and how many notices it left in the
    /// queue.
    pub async fn live(self) -> (End, usize) {
        let Self {
            hub,
            connection,
            place,
            subscription,
        } = self;
        let outbox = Arc::clone(subscription.queue());
        let mut peer = Bob {
            connection: &connection,
            outbox: &outbox,
        };
        let end = event_loop::run(&mut peer, &outbox).await;
        let left =
            event_loop::unregister(subscription, |subscription| async { drop(subscription) }).await;
        let close = async |patience| {
            let sessions = hub.sessions(&bob());
            assert!(
                !sessions.iter().any(|one| Arc::ptr_eq(one, &outbox)),
                "still in the hub"
            );
            assert!(
                hub.connections() > 0,
                "its place was given back before it was closed"
            );
            connection.0.state.lock().closed.push((end, patience));
        };
        event_loop::close(end, place, close).await;
        (end, left)
    }
}

impl Transport for Bob<'_> {
    type Incoming = End;

    async fn send(&mut self, notice: &EncodedNotice) -> Result<(), End> {
        self.connection.0.state.lock().begun += 1;
        let writing = self.connection.write(notice.notice().at.as_millis());
        event_loop::unless_closed(self.outbox, writing).await
    }

    fn recheck(&self) -> Result<(), End> {
        Ok(())
    }

    async fn next(&mut self) -> End {
        self.connection.read().await
    }

    async fn receive(&mut self, incoming: End) -> Result<(), End> {
        Err(incoming)
    }
}
