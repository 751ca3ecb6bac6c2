//! Tests of the hub.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::*;
use crate::hub::notice::tests::notice;

pub fn hub() -> Hub {
    hub_at(Clock::System)
}

pub fn hub_at(clock: Clock) -> Hub {
    let capacity = Capacity {
        event_queue: 2,
        sessions_per_user: 2,
        connections: 2,
        connections_per_address: None,
        confirm_timeout: Duration::from_secs(5),
    };
    Hub::new(capacity, clock)
}

pub const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

pub fn user(id: &str) -> UserId {
    UserId::parse(id).expect("a user id")
}

#[test]
fn those_who_are_connected_are_counted_by_their_open_sessions() {
    let hub = hub();
    let _alice = hub.subscribe(&user("alice"), &SessionId::new("1"));
    let first = hub.subscribe(&user("bob"), &SessionId::new("1"));
    let _second = hub.subscribe(&user("bob"), &SessionId::new("2"));
    let connected = || {
        let mut connected = hub.connected();
        connected.sort();
        connected
    };
    assert_eq!(connected(), [(user("alice"), 1), (user("bob"), 2)]);
    drop(first);
    hub.disconnect_users(&[user("alice")]);
    assert_eq!(connected(), [(user("bob"), 1)]);
}

#[tokio::test]
async fn a_new_connection_replaces_that_of_the_same_session() {
    let hub = hub();
    let old = hub.subscribe(&user("bob"), &SessionId::new("1"));
    let new = hub.subscribe(&user("bob"), &SessionId::new("1"));
    assert_eq!(
        old.queue().next().await,
        Outgoing::Close(CloseReason::Replaced)
    );
    drop(old);
    assert_eq!(hub.sessions(&user("bob")).len(), 1);
    drop(new);
    assert!(!hub.is_connected(&user("bob")));
}

#[tokio::test]
async fn the_oldest_session_gives_way_to_one_too_many() {
    let hub = hub();
    let sessions: Vec<_> = ["1", "2", "3"]
        .map(|id| hub.subscribe(&user("bob"), &SessionId::new(id)))
        .into_iter()
        .collect();
    assert_eq!(
        sessions[0].queue().next().await,
        Outgoing::Close(CloseReason::Replaced)
    );
    let left: Vec<_> = hub
        .sessions(&user("bob"))
        .iter()
        .map(|s| s.session().to_string())
        .collect();
    assert_eq!(left, ["2", "3"]);
}

#[test]
fn everybody_is_counted_while_they_are_there() {
    let hub = hub();
    let _place = hub
        .admit(&user("bob"), &SessionId::new("1"), HERE)
        .expect("a slot");
    let sessions = ["1", "2"].map(|id| hub.subscribe(&user("bob"), &SessionId::new(id)));
    let there = HubStats {
        connections: 1,
        sessions: 2,
        users: 1,
        unresponsive: 0,
    };
    assert_eq!(hub.stats(), there);
    drop(sessions);
    let gone = HubStats {
        sessions: 0,
        users: 0,
        ..there
    };
    assert_eq!(hub.stats(), gone);
}

#[tokio::test]
async fn a_hub_that_stops_closes_present_and_later_sessions() {
    let hub = hub();
    let present = hub.subscribe(&user("bob"), &SessionId::new("1"));
    hub.stop();
    let later = hub.subscribe(&user("bob"), &SessionId::new("2"));
    assert_eq!(
        present.queue().next().await,
        Outgoing::Close(CloseReason::Stopping)
    );
    assert_eq!(
        later.queue().next().await,
        Outgoing::Close(CloseReason::Stopping)
    );
}

#[tokio::test]
async fn full_queue_closes_the_session() {
    let hub = hub();
    let bob = hub.subscribe(&user("bob"), &SessionId::new("1"));
    let missed: Vec<usize> = (0..4).map(|at| bob.queue().push(notice(at))).collect();
    assert_eq!(missed, [0, 0, 3, 1]);
    assert_eq!(
        bob.queue().next().await,
        Outgoing::Close(CloseReason::TooSlow)
    );
    assert!(!hub.is_connected(&user("bob")));
}
