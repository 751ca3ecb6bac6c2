//! Events for a user whose session was on a node that stops or is removed, and comes back on another one.

use std::time::Duration;

use chattrix::call::transition::Limits;
use chattrix::call::{CallId, CallType, Event, Principal, Source};
use chattrix::hub::{Outgoing, Subscription};
use chattrix::service::{NewCall, Rules, Service};
use chattrix::user::{Profile, SessionId, UserId};

use crate::support::model::channel;
use crate::support::{ServiceFixture, within};

fn user(id: &str) -> UserId {
    UserId::parse(id).expect("an id")
}

/// The service of one node, and that of another one on the same database; none without a PostgreSQL server.
async fn two_nodes() -> Option<(ServiceFixture, Service)> {
    let profile = |id| Profile {
        id: user(id),
        name: id.to_owned(),
        avatar: None,
    };
    let rules = Rules::only(Limits {
        ring_timeout: Duration::from_mins(1),
        max_call_duration: None,
    });
    let first = ServiceFixture::new(&["alice", "bob"].map(profile), rules, 1);
    let second = first.another_node("second")?;
    // The first node learns that it is not alone.
    let alice = first.service.sessions();
    let alice = alice.connect(user("alice"), SessionId::new("phone")).await;
    drop(alice.expect("connected"));
    Some((first, second))
}

async fn connect(service: &Service) -> Subscription {
    let connected = service
        .sessions()
        .connect(user("bob"), SessionId::new("phone"));
    connected.await.expect("connected")
}

/// Alice calls Bob, and gives up.
async fn make_unanswered_call(service: &Service) -> CallId {
    let alice = Principal {
        user: user("alice"),
        session: SessionId::new("phone"),
        via: Source::Rest,
    };
    let new = NewCall {
        callee: user("bob"),
        call_type: CallType::Audio,
        channel: channel(),
        idempotency_key: None,
    };
    let calls = service.calls();
    let call = calls.initiate(alice.clone(), new).await.expect("made").id;
    calls.end(alice, call, None).await.expect("ended");
    call
}

/// Waits for the end of each of `calls`, in their order and nothing else.
async fn expect_ends(subscription: &Subscription, calls: &[CallId]) {
    let mut ended = Vec::new();
    while ended.len() < calls.len() {
        let next = within("an event", subscription.queue().next()).await;
        let Outgoing::Notice(notice) = next else {
            panic!("{next:?}");
        };
        if let Event::Ended { call, .. } = notice.notice().event {
            ended.push(call);
        }
    }
    assert_eq!(ended, calls);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_loses_no_event_of_the_other_nodes() {
    let Some((first, second)) = two_nodes().await else {
        return;
    };
    let bob = connect(&second).await;
    second.sessions().disconnect(bob).await;
    let before = make_unanswered_call(&first.service).await;
    let stored = second.sessions().store_unconfirmed().await;
    stored.expect("stored");
    let meanwhile = make_unanswered_call(&first.service).await;
    second.nodes().leave().await.expect("left");
    let after = make_unanswered_call(&first.service).await;
    second.close();
    let bob = connect(&first.service).await;
    expect_ends(&bob, &[before, meanwhile, after]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_returns_during_a_removal_lacks_nothing() {
    let Some((first, second)) = two_nodes().await else {
        return;
    };
    let bob = connect(&second).await;
    second.sessions().disconnect(bob).await;
    let call = make_unanswered_call(&first.service).await;
    // The other node dies. Its sessions are forgotten, and their rows are not removed yet.
    second.close();
    first.change_rows(
        "INSERT INTO posts (node, body) SELECT key, '[{\"NodeRemoved\":' || key || '}]' FROM nodes WHERE name = 'second'",
    );
    let bob = connect(&first.service).await;
    expect_ends(&bob, &[call]).await;
}
