//! How sessions end.

use shuttle::{future, thread};

use crate::hub::{CloseReason, Hub};
use crate::user::SessionId;
use crate::{HERE, Scene, bob, hub, notice};

use super::connection::{Connection, Session};
use super::event_loop::{End, PATIENCE};

pub const SCENES: [Scene; 6] = [
    (
        "what happened before the peer said goodbye, it was told, or it is counted as missed",
        a_goodbye_after_events,
    ),
    (
        "of events that come while the peer leaves, none is lost without being counted",
        a_goodbye_among_events,
    ),
    (
        "a session is cut for its slowness while the peer leaves, and its places come back",
        a_cut_while_the_peer_leaves,
    ),
    (
        "of a stop and a bar one closes the session, and who waits for it waits for its close",
        a_stop_while_the_user_is_barred,
    ),
    (
        "a peer that vanishes while it is told leaves nothing behind",
        a_peer_that_vanishes,
    ),
    (
        "a connection that takes over ends the old one, each closed once",
        a_connection_that_takes_over,
    ),
];

/// Publishes that many notices to Bob, as the service does, and returns how many reach none of his sessions.
fn publish(hub: &Hub, notices: i64) -> usize {
    let mut missed = 0;
    for at in 1..=notices {
        let sessions = hub.sessions(&bob());
        if sessions.is_empty() {
            missed += 1;
        }
        for session in sessions {
            missed += session.push(notice(at));
        }
    }
    missed
}

/// Asserts that the hub is empty again.
fn deserted(hub: &Hub) {
    let there = hub.stats();
    assert_eq!((there.connections, there.sessions, there.users), (0, 0, 0));
    let mut places: Vec<_> = (0..2)
        .map(|_| {
            hub.admit(&bob(), &SessionId::new("1"), HERE)
                .expect("a place")
        })
        .collect();
    assert!(places.iter_mut().all(|place| place.try_linger()));
}

/// Asserts that the peer received the first of all notices, in their order, and none twice.
fn is_a_beginning(told: &[i64]) {
    let expected: Vec<i64> = (1..).take(told.len()).collect();
    assert_eq!(told, expected);
}

fn a_goodbye_after_events() {
    let (hub, connection) = (hub(8), Connection::new(8));
    let session = Session::enter(&hub, "1", &connection);
    let (publishing, leaving) = (hub.clone(), connection.clone());
    let world = thread::spawn(move || {
        let missed = publish(&publishing, 2);
        leaving.hang_up();
        missed
    });
    let (end, left) = future::block_on(session.live());
    assert_eq!(end, End::ByPeer(Some(1000)));
    is_a_beginning(&connection.told());
    // The session checks its queue, then its peer; what comes between the two stays in the queue.
    assert_eq!(connection.told().len() + left, 2);
    assert_eq!(world.join().expect("it ended"), 0);
    assert_eq!(connection.closed(), [(end, PATIENCE)]);
    deserted(&hub);
}

fn a_goodbye_among_events() {
    let (hub, connection) = (hub(8), Connection::new(8));
    let session = Session::enter(&hub, "1", &connection);
    let (publishing, leaving) = (hub.clone(), connection.clone());
    let writer = thread::spawn(move || publish(&publishing, 3));
    let peer = thread::spawn(move || leaving.hang_up());
    let (end, left) = future::block_on(session.live());
    peer.join().expect("it ended");
    let missed = writer.join().expect("it ended");
    assert_eq!(end, End::ByPeer(Some(1000)));
    is_a_beginning(&connection.told());
    assert_eq!(connection.told().len() + left + missed, 3);
    deserted(&hub);
}

fn a_cut_while_the_peer_leaves() {
    let (hub, connection) = (hub(1), Connection::new(0));
    let session = Session::enter(&hub, "1", &connection);
    let (publishing, leaving) = (hub.clone(), connection.clone());
    let writer = thread::spawn(move || publish(&publishing, 3));
    let peer = thread::spawn(move || leaving.hang_up());
    let (end, _) = future::block_on(session.live());
    peer.join().expect("it ended");
    writer.join().expect("it ended");
    let closed = connection.closed();
    assert_eq!(closed.len(), 1);
    match end {
        End::ByUs(CloseReason::TooSlow) => assert_ne!(closed, [(end, PATIENCE)]),
        other => assert_eq!(closed, [(other, PATIENCE)]),
    }
    assert!([End::ByUs(CloseReason::TooSlow), End::ByPeer(Some(1000))].contains(&end));
    assert!(connection.told().is_empty());
    deserted(&hub);
}

fn a_stop_while_the_user_is_barred() {
    let (hub, connection) = (hub(8), Connection::new(8));
    let session = Session::enter(&hub, "1", &connection);
    let (publishing, barring, stopping, closed) =
        (hub.clone(), hub.clone(), hub.clone(), connection.clone());
    let writer = thread::spawn(move || publish(&publishing, 2));
    let bar = thread::spawn(move || barring.disconnect_users(&[bob()]));
    let stop = thread::spawn(move || {
        stopping.stop();
        future::block_on(stopping.emptied());
        assert_eq!(
            closed.closed().len(),
            1,
            "the server ends, and the peer was not told"
        );
    });
    let (end, _) = future::block_on(session.live());
    for thread in [bar, stop] {
        thread.join().expect("it ended");
    }
    writer.join().expect("it ended");
    assert!(
        [
            End::ByUs(CloseReason::UserDisabled),
            End::ByUs(CloseReason::Stopping)
        ]
        .contains(&end)
    );
    assert_eq!(connection.closed(), [(end, PATIENCE)]);
    is_a_beginning(&connection.told());
    deserted(&hub);
}

fn a_peer_that_vanishes() {
    let (hub, connection) = (hub(8), Connection::new(1));
    let session = Session::enter(&hub, "1", &connection);
    let (publishing, vanishing) = (hub.clone(), connection.clone());
    let writer = thread::spawn(move || publish(&publishing, 3));
    let peer = thread::spawn(move || vanishing.vanish());
    let (end, left) = future::block_on(session.live());
    let missed = writer.join().expect("it ended");
    peer.join().expect("it ended");
    assert_eq!(end, End::Gone);
    assert!(connection.begun() <= connection.told().len() + 1);
    assert_eq!(connection.begun() + left + missed, 3);
    is_a_beginning(&connection.told());
    deserted(&hub);
}

fn a_connection_that_takes_over() {
    let hub = hub(8);
    let connections = [Connection::new(8), Connection::new(8)];
    let old = Session::enter(&hub, "1", &connections[0]);
    let (entering, new_connection) = (hub.clone(), connections[1].clone());
    let new = thread::spawn(move || {
        let new = Session::enter(&entering, "1", &new_connection);
        new_connection.hang_up();
        future::block_on(new.live()).0
    });
    let publishing = hub.clone();
    let writer = thread::spawn(move || publish(&publishing, 2));
    let (end, _) = future::block_on(old.live());
    assert_eq!(end, End::ByUs(CloseReason::Replaced));
    assert_eq!(new.join().expect("it ended"), End::ByPeer(Some(1000)));
    writer.join().expect("it ended");
    assert!(
        connections
            .iter()
            .all(|connection| connection.closed().len() == 1)
    );
    // An event goes to one of them.
    let mut told = connections.map(|connection| connection.told()).concat();
    told.sort_unstable();
    let all = told.len();
    told.dedup();
    assert_eq!(told.len(), all, "told twice");
    deserted(&hub);
}
