//! Tests the hub and the session loop under a scheduler that explores task orders. A task that is never woken is a
//! deadlock and fails the run.

#![allow(
    dead_code,
    reason = "the server uses more of these modules than is run here"
)]

// Included as a file and not used from the server's crate: the hub takes its locks from `crate::sync`, which here is
// the scheduler's. A feature that switches the locks of the server's crate would be switched on in the server itself
// by every build of the whole workspace.
#[path = "../../../src/hub/mod.rs"]
pub mod hub;

pub mod sync;
mod ws;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use chattrix_kernel::{call, clock, user};
use shuttle::{future, thread};

use call::{Audience, CallId, Event, Notice};
use clock::{Clock, Timestamp};
use hub::{Capacity, CloseReason, EncodedNotice, Hub, Outgoing};
use user::{SessionId, UserId};

/// Schedules that are tried of each scene.
const SCHEDULES: usize = 20_000;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Scene: its description and its function.
type Scene = (&'static str, fn());

fn main() {
    let scenes: [Scene; 6] = [
        (
            "what is pushed comes out in order, and a close is always heard",
            pushes_and_a_close,
        ),
        (
            "a session that waits to send hears that it is closed",
            a_close_while_sending,
        ),
        (
            "a queue that is full closes the session once, and loses no count",
            a_full_queue,
        ),
        (
            "a stop reaches sessions that enter at the same moment",
            entering_while_stopping,
        ),
        (
            "of connections of one session one is left, the others are told",
            replacements,
        ),
        (
            "places are never more than there may be, and all come back",
            places,
        ),
    ];
    for (what, scene) in scenes
        .into_iter()
        .chain(ws::scenes::SCENES)
        .chain(ws::delivery::SCENES)
    {
        shuttle::check_random(scene, SCHEDULES);
        println!("{SCHEDULES} schedules: {what}");
    }
}

fn hub(event_queue: usize) -> Hub {
    let capacity = Capacity {
        event_queue,
        sessions_per_user: 2,
        connections: 2,
        connections_per_address: None,
        confirm_timeout: Duration::from_secs(5),
    };
    Hub::new(capacity, Clock::System)
}

fn bob() -> UserId {
    UserId::parse("bob").expect("an id")
}

fn notice(at: i64) -> Arc<EncodedNotice> {
    Arc::new(EncodedNotice::new(Notice {
        audience: Audience::Participant(bob()),
        event: Event::TimedOut {
            call: CallId::from_uuid(uuid::Uuid::nil()),
        },
        at: Timestamp::from_millis(at),
    }))
}

/// Two notices from the writer, a close from elsewhere, and a session that reads until it is closed.
fn pushes_and_a_close() {
    let hub = hub(8);
    let session = hub.subscribe(&bob(), &SessionId::new("1"));
    let (writer, closer) = (Arc::clone(session.queue()), Arc::clone(session.queue()));
    let writer = thread::spawn(move || {
        for at in 1..=2 {
            assert!(writer.push(notice(at)) <= 1);
        }
    });
    let closer = thread::spawn(move || closer.close(CloseReason::UserDisabled));
    let heard = future::block_on(async {
        let mut heard = Vec::new();
        loop {
            match session.queue().next().await {
                Outgoing::Notice(notice) => heard.push(notice.notice().at.as_millis()),
                Outgoing::Recheck => unreachable!("nobody reloads"),
                Outgoing::Close(closing) => {
                    assert_eq!(closing, CloseReason::UserDisabled);
                    return heard;
                }
            }
        }
    });
    assert!(
        [&[][..], &[1], &[1, 2]].contains(&heard.as_slice()),
        "{heard:?}"
    );
    writer.join().expect("the writer ended");
    closer.join().expect("the closer ended");
}

/// A session that cannot send waits for its close alone, while notices go on coming: they must not eat the wake-up.
fn a_close_while_sending() {
    let hub = hub(8);
    let session = hub.subscribe(&bob(), &SessionId::new("1"));
    let (writer, closer) = (Arc::clone(session.queue()), hub.clone());
    let writer = thread::spawn(move || {
        for at in 1..=2 {
            writer.push(notice(at));
        }
    });
    let closer = thread::spawn(move || closer.disconnect_users(&[bob()]));
    assert_eq!(
        future::block_on(session.queue().closed()),
        CloseReason::UserDisabled
    );
    // The close stands for the loop too, whatever else waits.
    let next = future::block_on(session.queue().next());
    assert_eq!(next, Outgoing::Close(CloseReason::UserDisabled));
    writer.join().expect("the writer ended");
    closer.join().expect("the closer ended");
}

fn a_full_queue() {
    let hub = hub(1);
    let session = hub.subscribe(&bob(), &SessionId::new("1"));
    let writers: Vec<_> = (0..3)
        .map(|at| {
            let outbox = Arc::clone(session.queue());
            thread::spawn(move || outbox.push(notice(at)))
        })
        .collect();
    let heard = thread::spawn(move || {
        let mut heard = 0;
        future::block_on(async {
            while let Outgoing::Notice(_) = session.queue().next().await {
                heard += 1;
                if heard == 3 {
                    break;
                }
            }
        });
        (heard, session.queue().abandon())
    });
    let missed: usize = writers
        .into_iter()
        .map(|writer| writer.join().expect("it ended"))
        .sum();
    let (heard, abandoned) = heard.join().expect("it ended");
    assert_eq!(heard + missed + abandoned, 3);
}

fn entering_while_stopping() {
    let hub = hub(8);
    let stopping = hub.clone();
    let stopper = thread::spawn(move || stopping.stop());
    let sessions: Vec<_> = ["1", "2"]
        .into_iter()
        .map(|id| {
            let hub = hub.clone();
            thread::spawn(move || {
                let session = hub.subscribe(&bob(), &SessionId::new(id));
                future::block_on(session.queue().closed())
            })
        })
        .collect();
    for session in sessions {
        assert_eq!(session.join().expect("it ended"), CloseReason::Stopping);
    }
    stopper.join().expect("it ended");
    assert_eq!(hub.stats().users, 0);
}

fn replacements() {
    let hub = hub(8);
    let connections: Vec<_> = (0..3)
        .map(|_| {
            let hub = hub.clone();
            thread::spawn(move || hub.subscribe(&bob(), &SessionId::new("1")))
        })
        .collect();
    let connections: Vec<_> = connections
        .into_iter()
        .map(|connection| connection.join().expect("it ended"))
        .collect();
    let open = hub.sessions(&bob());
    assert_eq!(open.len(), 1);
    for connection in connections {
        if !Arc::ptr_eq(connection.queue(), &open[0]) {
            let closed = future::block_on(connection.queue().closed());
            assert_eq!(closed, CloseReason::Replaced);
        }
    }
    assert!(!hub.is_connected(&bob()));
    assert_eq!(hub.stats().sessions, 0);
}

fn places() {
    let hub = hub(8);
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let hub = hub.clone();
            thread::spawn(move || {
                let place = hub.admit(&bob(), &SessionId::new("1"), HERE);
                assert!(hub.connections() <= 2);
                thread::yield_now();
                place.is_ok()
            })
        })
        .collect();
    let waiting = hub.clone();
    let waiter = thread::spawn(move || future::block_on(waiting.emptied()));
    let admitted = clients
        .into_iter()
        .map(|client| client.join().expect("it ended"));
    assert!(admitted.filter(|admitted| *admitted).count() >= 2);
    // A wake-up that came between its look and its sleep must not be lost.
    waiter.join().expect("it ended");
    assert_eq!(hub.connections(), 0);
}
