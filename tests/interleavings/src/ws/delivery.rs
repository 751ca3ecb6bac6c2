//! Every notice is received, or kept for the session that comes next.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use shuttle::{future, thread};

use crate::call::Lacking;
use crate::clock::{Clock, ManualClock, Timestamp};
use crate::hub::{Capacity, EncodedNotice, Hub, SessionQueue, StoredNotice};
use crate::sync::Mutex;
use crate::user::SessionId;
use crate::{Scene, bob, notice};

use super::connection::{Connection, Session};

pub const SCENES: [Scene; 4] = [
    (
        "what is published while a session leaves is received by it or by the next one",
        a_session_that_leaves,
    ),
    (
        "a confirmation that comes while the session leaves loses nothing that came after it",
        a_confirmation_among_leaving,
    ),
    (
        "a connection that is replaced while it confirms hands over the rest",
        a_confirmation_among_replacement,
    ),
    (
        "the sweep removes nothing that is not confirmed",
        a_sweep_among_confirmations,
    ),
];

/// Notices that are published in each scene.
const NOTICES: i64 = 3;

/// Hub with a writer, whose jobs run one after another, and a store of pending events.
#[derive(Clone)]
struct World {
    hub: Hub,
    writer: Arc<Mutex<Vec<StoredNotice>>>,
}

impl World {
    fn new() -> Self {
        let capacity = Capacity {
            event_queue: 8,
            sessions_per_user: 2,
            connections: 4,
            connections_per_address: None,
            confirm_timeout: Duration::from_secs(5),
        };
        let hand = ManualClock::starting_at(Timestamp::from_millis(0));
        Self {
            hub: Hub::new(capacity, Clock::Manual(hand)),
            writer: Arc::default(),
        }
    }

    /// Connects a session as the service does: it gets the events that it lacks.
    fn connect(&self, connection: &Connection) -> Session {
        let stored = self.writer.lock();
        let session = SessionId::new("1");
        let subscription = self.hub.subscribe(&bob(), &session);
        let owed = self.hub.owed(&bob(), &session, stored.clone());
        subscription.queue().preload(owed);
        drop(stored);
        Session::of(&self.hub, subscription, connection)
    }

    /// Publishes the notices: to the connected sessions, or into the store.
    fn publish(&self) {
        for at in 1..=NOTICES {
            let mut stored = self.writer.lock();
            let sessions = self.hub.sessions(&bob());
            if sessions.is_empty() {
                stored.push(StoredNotice {
                    notice: notice(at).notice().clone(),
                    expires_at: notice(at).notice().expires_at(),
                    row: at,
                    is_recovered: false,
                    lacking: Lacking::All,
                });
            } else {
                self.hub.publish(&sessions, &notice(at));
            }
        }
    }

    /// Confirms what the peer of `connection` has received by now.
    fn confirm(&self, queue: &SessionQueue, connection: &Connection) {
        let received = connection.told().len() as u64;
        for notice in queue.confirm(received) {
            let row = notice.confirm(queue.session(), Timestamp::from_millis(0));
            if let Some(row) = row {
                self.delete(row, &notice);
            }
        }
    }

    fn delete(&self, row: i64, notice: &EncodedNotice) {
        let mut stored = self.writer.lock();
        stored.retain(|one| one.row != row);
        notice.forget_row();
    }

    /// Asserts that `connections` and the next one have received every notice, once each and in order.
    fn everything_is_received(&self, connections: &[Connection]) {
        let last = Connection::new(8);
        let session = self.connect(&last);
        last.hang_up();
        future::block_on(session.live());
        let mut received = BTreeSet::new();
        for connection in connections.iter().chain([&last]) {
            let told = connection.told();
            assert!(told.is_sorted_by(|one, next| one < next), "{told:?}");
            received.extend(told);
        }
        assert_eq!(received, (1..=NOTICES).collect());
    }
}

fn a_session_that_leaves() {
    let (world, connection) = (World::new(), Connection::new(8));
    let session = world.connect(&connection);
    let (publishing, leaving) = (world.clone(), connection.clone());
    let writer = thread::spawn(move || publishing.publish());
    let peer = thread::spawn(move || leaving.hang_up());
    future::block_on(session.live());
    for thread in [writer, peer] {
        thread.join().expect("it ended");
    }
    world.everything_is_received(&[connection]);
}

fn a_confirmation_among_leaving() {
    let (world, connection) = (World::new(), Connection::new(8));
    let session = world.connect(&connection);
    let queue = session.queue();
    let (publishing, leaving) = (world.clone(), connection.clone());
    let (confirming, confirmed) = (world.clone(), connection.clone());
    let writer = thread::spawn(move || publishing.publish());
    let peer = thread::spawn(move || leaving.vanish());
    let pongs = thread::spawn(move || confirming.confirm(&queue, &confirmed));
    future::block_on(session.live());
    for thread in [writer, peer, pongs] {
        thread.join().expect("it ended");
    }
    world.everything_is_received(&[connection]);
}

fn a_confirmation_among_replacement() {
    let world = World::new();
    let connections = [Connection::new(8), Connection::new(8)];
    let old = world.connect(&connections[0]);
    let queue = old.queue();
    let (publishing, replacing) = (world.clone(), world.clone());
    let (confirming, confirmed) = (world.clone(), connections[0].clone());
    let replacement = connections[1].clone();
    let writer = thread::spawn(move || publishing.publish());
    let pongs = thread::spawn(move || confirming.confirm(&queue, &confirmed));
    let new = thread::spawn(move || {
        let new = replacing.connect(&replacement);
        replacement.hang_up();
        future::block_on(new.live());
    });
    future::block_on(old.live());
    for thread in [writer, pongs, new] {
        thread.join().expect("it ended");
    }
    world.everything_is_received(&connections);
}

fn a_sweep_among_confirmations() {
    let (world, connection) = (World::new(), Connection::new(8));
    let session = world.connect(&connection);
    let queue = session.queue();
    let (publishing, leaving) = (world.clone(), connection.clone());
    let (confirming, confirmed) = (world.clone(), connection.clone());
    let sweeping = world.hub.clone();
    let writer = thread::spawn(move || publishing.publish());
    let peer = thread::spawn(move || leaving.hang_up());
    let pongs = thread::spawn(move || confirming.confirm(&queue, &confirmed));
    let sweep = thread::spawn(move || assert_eq!(sweeping.forget_expired(), 0));
    future::block_on(session.live());
    for thread in [writer, peer, pongs, sweep] {
        thread.join().expect("it ended");
    }
    world.everything_is_received(&[connection]);
    assert_eq!(world.hub.forget_expired(), 0);
}
