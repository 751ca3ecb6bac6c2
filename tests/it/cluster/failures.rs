//! Nodes that are killed, stopped for a while, or cut off from the database.

use std::time::{Duration, Instant};

use chattrix::store::Database;
use rustix::process::Signal;
use serde_json::json;

use super::{
    Device, NODES, after_the_lease, connected_sessions, expect_nothing_else, send_app_event,
};
use crate::support::{Cluster, CommitCutter, Relay, rounds, within};

/// Time for which a node may be silent.
const LEASE: Duration = Duration::from_secs(10);

/// Close code of a node that stops or was replaced.
const STOPPING: u16 = 1012;
/// Close code of a session that has another connection.
const REPLACED: u16 = 4000;

/// Returns how many nodes the database lists as active.
fn active_nodes(cluster: &Cluster) -> usize {
    let database = Database::open(&cluster.database()).expect("opened");
    let nodes = database.nodes().expect("listed");
    nodes.iter().filter(|node| node.is_active).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_leaves_no_ghost_and_no_loss() {
    let settings = [("CHATTRIX_DISCONNECT_GRACE", "5s")];
    let Some(mut cluster) = Cluster::start(NODES, &settings).await else {
        return;
    };
    assert_eq!(active_nodes(&cluster), NODES);
    let mut alice = Device::connect(&cluster, "alice", "phone", 0).await;
    let mut carol = Device::connect(&cluster, "carol", "phone", 1).await;
    let relay = Relay::to(cluster.address(2)).await;
    let bob = cluster.sign_in("bob", "phone");
    let mut at_dead_node = bob.at(relay.address()).socket().await;
    let dave = Device::connect(&cluster, "dave", "phone", 2).await;
    let with_dave = cluster.any(&carol.api).call("dave").await;
    cluster.any(&dave.api).accept(&with_dave).await.success(200);
    carol.socket.expect("call_accepted").await;

    // When the node dies, Bob has not confirmed an event. More happens before he returns, and before the others know
    // that the node is dead.
    let first = cluster.any(&alice.api).call("bob").await;
    at_dead_node.expect("call_invitation").await;
    relay.swallow_confirmations();
    cluster.any(&alice.api).end(&first).await.success(200);
    let ended = at_dead_node.expect_text("call_ended").await;
    let second = cluster.any(&alice.api).call("bob").await;
    cluster.kill(2);
    cluster.any(&alice.api).end(&second).await.success(200);
    let call = cluster.any(&bob).call("alice").await;
    alice.socket.expect("call_invitation").await;
    alice.socket.accept(&call).await;
    let mut at_other_node = cluster.socket_without_wait(&bob, 1).await;
    assert_eq!(at_other_node.expect_text("call_ended").await, ended);
    let next = at_other_node.expect("call_ended").await;
    assert_eq!(next["callId"], *second);
    let accepted = at_other_node.expect("call_accepted").await;
    assert_eq!(accepted["callId"], *call);
    expect_nothing_else(&cluster, &["bob"], [&mut at_other_node]).await;
    let hung_up = carol
        .socket
        .expect_within(super::AFTER_LEASE, "call_ended")
        .await;
    assert_eq!(
        (&hung_up["callId"], &hung_up["endedBy"]),
        (&json!(with_dave), &json!("dave"))
    );
    for place in [0, 1] {
        let viewer = alice.api.at(cluster.address(place));
        after_the_lease("dave to be gone", async || {
            connected_sessions(&viewer, "dave").await == 0
        })
        .await;
        assert_eq!(connected_sessions(&viewer, "bob").await, 1);
        assert_eq!(viewer.status_of(&call).await, "CONNECTING");
    }
    assert_eq!(active_nodes(&cluster), NODES - 1);
    let name = format!(":{}", cluster.address(2).tcp().port());
    let is_logged = |line: &str| line.contains("removing a dead node") && line.contains(&name);
    after_the_lease("its name in a log", async || {
        (0..2).any(|place| cluster.node(place).log().lines().any(is_logged))
    })
    .await;

    // A new node takes Dave, who caused the end of his call himself.
    cluster.replace(2, cluster.database()).await;
    let mut dave = cluster.socket_without_wait(&dave.api, 2).await;
    cluster.any(&bob).end(&call).await.success(200);
    assert_eq!(alice.socket.expect("call_ended").await["callId"], *call);
    let everybody = ["alice", "bob", "carol", "dave"];
    let sockets = [
        &mut alice.socket,
        &mut at_other_node,
        &mut carol.socket,
        &mut dave,
    ];
    expect_nothing_else(&cluster, &everybody, sockets).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_node_is_replaced_and_begins_anew() {
    let Some(mut cluster) = Cluster::start(NODES, &[]).await else {
        return;
    };
    let mut alice = Device::connect(&cluster, "alice", "phone", 0).await;
    let mut bob = Device::connect(&cluster, "bob", "phone", 2).await;
    let mut carol = Device::connect(&cluster, "carol", "phone", 2).await;
    let call = cluster.any(&alice.api).call("bob").await;
    bob.socket.expect("call_invitation").await;
    cluster.node(2).signal(Signal::STOP);
    cluster.set_live(2, false);
    // The kernel takes the request, which the node reads when it continues.
    let late = bob.api.at(cluster.address(2)).request(
        reqwest::Method::POST,
        &format!("/api/v1/calls/{call}/accept"),
    );
    let late = tokio::spawn(async move { late.json(&json!({})).send().await.ok() });
    cluster.any(&alice.api).end(&call).await.success(200);
    let viewer = alice.api.at(cluster.address(1));
    after_the_lease("bob to be gone", async || {
        connected_sessions(&viewer, "bob").await == 0
    })
    .await;
    let mut returned = cluster.socket_without_wait(&bob.api, 1).await;
    assert_eq!(returned.expect("call_ended").await["callId"], *call);

    cluster.node(2).signal(Signal::CONT);
    assert_eq!(carol.socket.expect_close().await.0, STOPPING);
    // Bob's session is on another node.
    assert!([STOPPING, REPLACED].contains(&bob.socket.close_code().await));
    let late = within("the late request", late).await.expect("no panic");
    assert!(late.is_none_or(|late| late.status() != 200));
    after_the_lease("the node to be ready", async || {
        cluster.node(2).readiness().await == Some(200)
    })
    .await;
    cluster.set_live(2, true);
    let mut tablet = Device::connect(&cluster, "bob", "tablet", 2).await;
    let sockets = [&mut alice.socket, &mut returned, &mut tablet.socket];
    expect_nothing_else(&cluster, &["alice", "bob"], sockets).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_cut_of_the_database_is_a_delay() {
    let Some(mut cluster) = Cluster::start(NODES, &[]).await else {
        return;
    };
    let cutter = CommitCutter::to(&cluster.database()).await;
    cluster.kill(2);
    cluster.replace(2, cutter.url().to_owned()).await;
    let mut alice = Device::connect(&cluster, "alice", "phone", 0).await;
    let mut bob = Device::connect(&cluster, "bob", "phone", 2).await;
    cluster.set_live(2, false);
    cutter.hold();
    let call = cluster.any(&alice.api).call("bob").await;
    bob.socket.expect_nothing().await;
    cutter.release();
    assert_eq!(bob.socket.expect("call_invitation").await["callId"], *call);
    cluster.set_live(2, true);
    bob.socket.accept(&call).await;
    alice.socket.expect("call_accepted").await;
    let sockets = [&mut alice.socket, &mut bob.socket];
    expect_nothing_else(&cluster, &["alice", "bob"], sockets).await;
    if rounds(0, 1) == 0 {
        return;
    }

    // After a minute the node closes its sockets, and ends no call of theirs.
    cutter.hold();
    let bobs_end = tokio::time::timeout(Duration::from_secs(90), bob.socket.close_code()).await;
    assert_eq!(bobs_end.expect("closed"), STOPPING);
    let mut bob = cluster.socket(&bob.api, 1).await;
    let alices = cluster.any(&alice.api);
    assert_eq!(alices.status_of(&call).await, "CONNECTING");
    cutter.release();
    after_the_lease("the node to be ready", async || {
        cluster.node(2).readiness().await == Some(200)
    })
    .await;
    let sent = send_app_event(&cluster, &["bob"], "app.back").await;
    assert_eq!(sent["reached"], 1);
    bob.expect("app.back").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_only_hears_of_others_keeps_its_lease() {
    let Some(cluster) = Cluster::start(2, &[]).await else {
        return;
    };
    let alice = cluster.sign_in("alice", "phone");
    let mut witness = cluster.socket(&cluster.sign_in("carol", "phone"), 1).await;
    let caller = alice.at(cluster.address(0));
    let began = Instant::now();
    // Longer than a lease, and than the look at it.
    while began.elapsed() < LEASE + Duration::from_secs(6) {
        let call = caller.call("bob").await;
        caller.end(&call).await.success(200);
    }
    assert_eq!(witness.heartbeat_or_close().await, None);
}
