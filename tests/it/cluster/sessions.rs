//! Sessions over all nodes: replacement, limits, presence, and events for those who return on another node.

use serde_json::{Value, json};

use super::{Device, NODES, connected_sessions, expect_nothing_else, send_app_event};
use crate::support::{Cluster, Relay, Socket, eventually};

/// Closed because another connection took its place.
const REPLACED: u16 = 4000;
/// Sessions of a user at a time.
const MOST_SESSIONS: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_replaced_from_another_node() {
    let Some(cluster) = Cluster::start(NODES, &[("CHATTRIX_CONSOLE", "true")]).await else {
        return;
    };
    let alice = cluster.sign_in("alice", "phone");
    let mut before = cluster.socket(&alice, 0).await;
    for place in 1..2 * NODES {
        let after = cluster.socket(&alice, place % NODES).await;
        assert_eq!(before.expect_close().await.0, REPLACED, "node {place}");
        before = after;
        // Whichever node the console asks.
        let node = cluster.any(&alice).get("/console/node").await.success(200);
        let name = node["name"].as_str().expect("a name");
        let port = cluster.address(place % NODES).tcp().port();
        assert!(name.ends_with(&format!(":{port}")), "{name} has {port}");
    }
    expect_nothing_else(&cluster, &["alice"], [&mut before]).await;

    // The oldest of too many sessions gives way, on whichever node it is.
    let mut devices = Vec::new();
    for number in 0..MOST_SESSIONS + 2 {
        let session = format!("device-{number}");
        devices.push(Device::connect(&cluster, "bob", &session, cluster.pick(NODES)).await);
    }
    let kept = devices.split_off(2);
    for mut device in devices {
        assert_eq!(device.socket.expect_close().await.0, REPLACED);
    }
    let mut kept: Vec<Socket> = kept.into_iter().map(|device| device.socket).collect();
    let sent = send_app_event(&cluster, &["bob"], "app.first").await;
    assert_eq!(sent["reached"], MOST_SESSIONS);
    for socket in &mut kept {
        socket.expect("app.first").await;
    }
    expect_nothing_else(&cluster, &["bob"], &mut kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn presence_and_sessions_are_those_of_all_nodes() {
    let Some(cluster) = Cluster::start(NODES, &[]).await else {
        return;
    };
    let alice = cluster.sign_in("alice", "phone");
    let mut devices = Vec::new();
    for place in 0..NODES {
        devices.push(Device::connect(&cluster, "bob", &format!("on-{place}"), place).await);
    }
    // A node learns from the others a moment later.
    let are_connected = async |count: usize| {
        for place in 0..NODES {
            let viewer = alice.at(cluster.address(place));
            eventually("the node to know the sessions", async || {
                connected_sessions(&viewer, "bob").await == count as u64
            })
            .await;
        }
    };
    are_connected(NODES).await;
    let online = cluster.any(&alice).get("/api/v1/users/status/online").await;
    assert_eq!(online.success(200)[0]["activeSessionCount"], NODES);
    for place in 0..NODES {
        let backend = cluster.backend().at(cluster.address(place));
        let listed = backend.get("/api/server/v1/users/bob/sessions").await;
        let listed = listed.success(200);
        let ids = listed.as_array().expect("a list").iter();
        let mut ids: Vec<_> = ids.map(|one| one["sessionId"].clone()).collect();
        ids.sort_by_key(ToString::to_string);
        assert_eq!(ids, ["on-0", "on-1", "on-2"], "node {place}");
        let asked = json!({ "users": ["bob"] });
        let presence = backend.post("/api/server/v1/presence", &asked).await;
        assert_eq!(presence.success(200)[0]["activeSessionCount"], NODES);
    }

    let path = "/api/server/v1/users/bob/sessions/on-2?reconnect=true";
    let first = cluster.backend().at(cluster.address(0));
    first.delete(path).await.success(200);
    assert_eq!(devices[2].socket.expect_close().await.0, 4003);
    are_connected(2).await;
    drop(devices.remove(0));
    are_connected(1).await;

    let disabled = json!({ "standing": "disabled" });
    let request = first.request(reqwest::Method::PATCH, "/api/server/v1/users/bob");
    first.send(request.json(&disabled)).await.success(200);
    assert_eq!(devices[0].socket.close_code().await, 1008);
    are_connected(0).await;
    for place in 0..NODES {
        let bob = devices[0].api.at(cluster.address(place));
        eventually("the node to reject the user", async || {
            bob.active().await.status == 401
        })
        .await;
    }
}

/// Returns the first event of `call`, which must be of type `kind`. A node that does not hear from another one within a
/// second sends a session that comes from there all events of the last minutes, as after a crash.
async fn expect_of_call(socket: &mut Socket, kind: &str, call: &str) -> Value {
    loop {
        let message = socket
            .expect_one_of(&["call_invitation", "call_ended"])
            .await;
        if message["data"]["callId"] == call {
            assert_eq!(message["type"], kind, "{message}");
            return message;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_follow_a_session_to_another_node() {
    let Some(cluster) = Cluster::start(NODES, &[]).await else {
        return;
    };
    let alice = cluster.sign_in("alice", "phone");
    let bob = cluster.sign_in("bob", "phone");
    bob.active().await.success(200);

    // Nobody is connected: the event waits in the database.
    let call = cluster.any(&alice).call("bob").await;
    cluster.any(&alice).end(&call).await.success(200);
    let mut socket = cluster.socket(&bob, 0).await;
    assert_eq!(socket.expect("call_ended").await["callId"], *call);
    socket.confirm_events().await;
    socket.close().await;

    // The session has left, and another one of the user has the event.
    let mut tablet = Device::connect(&cluster, "bob", "tablet", 1).await;
    let call = cluster.any(&alice).call("bob").await;
    expect_of_call(&mut tablet.socket, "call_invitation", &call).await;
    cluster.any(&alice).end(&call).await.success(200);
    tablet.socket.expect("call_ended").await;
    tablet.socket.confirm_events().await;
    let mut socket = cluster.socket(&bob, 2).await;
    expect_of_call(&mut socket, "call_ended", &call).await;
    expect_nothing_else(&cluster, &["bob"], [&mut socket, &mut tablet.socket]).await;
    socket.confirm_events().await;
    socket.close().await;

    // A node holds the session, which has not confirmed the event there.
    let relay = Relay::to(cluster.address(1)).await;
    let mut old = bob.at(relay.address()).socket().await;
    relay.swallow_confirmations();
    let call = cluster.any(&alice).call("bob").await;
    for socket in [&mut old, &mut tablet.socket] {
        expect_of_call(socket, "call_invitation", &call).await;
    }
    cluster.any(&alice).end(&call).await.success(200);
    let first = old.expect_message("call_ended").await;
    let mut new = cluster.socket_without_wait(&bob, 2).await;
    let again = expect_of_call(&mut new, "call_ended", &call).await;
    assert_eq!(again, first);
    assert_eq!(old.expect_close().await.0, REPLACED);
    tablet.socket.expect("call_ended").await;
    expect_nothing_else(&cluster, &["bob"], [&mut new, &mut tablet.socket]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_event_that_a_session_confirms_elsewhere_is_done() {
    let Some(cluster) = Cluster::start(NODES, &[]).await else {
        return;
    };
    let [phone, tablet, watch] = ["phone", "tablet", "watch"].map(|id| cluster.sign_in("bob", id));
    let relay = Relay::to(cluster.address(0)).await;
    let mut old = phone.at(relay.address()).socket().await;
    relay.swallow_confirmations();
    let body = json!({ "users": ["bob"], "type": "app.kept", "data": { "n": 1 }, "keepFor": 300 });
    let sent = cluster.backend().post("/api/server/v1/events", &body).await;
    sent.success(200);
    old.expect("app.kept").await;
    let mut new = cluster.socket_without_wait(&phone, 1).await;
    new.expect("app.kept").await;
    new.confirm_events().await;
    let mut at_another = cluster.socket(&tablet, 2).await;
    let mut at_the_first = cluster.socket(&watch, 0).await;
    expect_nothing_else(
        &cluster,
        &["bob"],
        [&mut new, &mut at_another, &mut at_the_first],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_dead_node_reach_a_session_that_moves_twice() {
    let Some(mut cluster) = Cluster::start(NODES, &[]).await else {
        return;
    };
    let [alice, bob] = ["alice", "bob"].map(|user| cluster.sign_in(user, "phone"));
    let alice = alice.at(cluster.address(1));
    let mut tablet = Device::connect(&cluster, "bob", "tablet", 2).await;
    let relay = Relay::to(cluster.address(0)).await;
    let mut old = bob.at(relay.address()).socket().await;
    relay.swallow_confirmations();
    let call = alice.call("bob").await;
    for socket in [&mut old, &mut tablet.socket] {
        expect_of_call(socket, "call_invitation", &call).await;
    }
    alice.end(&call).await.success(200);
    let ended = old.expect_message("call_ended").await;
    tablet.socket.expect("call_ended").await;
    tablet.socket.confirm_events().await;
    cluster.kill(0);
    // The node between waits for the dead one, as its successor must then.
    let between = cluster.socket_without_wait(&bob, 1).await;
    let mut last = cluster.socket_without_wait(&bob, 2).await;
    assert_eq!(expect_of_call(&mut last, "call_ended", &call).await, ended);
    drop(between);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unresponsive_session_is_called_from_another_node() {
    let settings = [("CHATTRIX_CONFIRM_TIMEOUT", "2s")];
    let Some(cluster) = Cluster::start(2, &settings).await else {
        return;
    };
    let [alice, bob] = ["alice", "bob"].map(|user| cluster.sign_in(user, "phone"));
    let relay = Relay::to(cluster.address(1)).await;
    let mut socket = bob.at(relay.address()).socket().await;
    relay.swallow_confirmations();
    send_app_event(&cluster, &["bob"], "app.unconfirmed").await;
    socket.expect("app.unconfirmed").await;
    let caller = alice.at(cluster.address(0));
    let is_known_as = async |count: u64| {
        eventually("the other node to know", async || {
            connected_sessions(&caller, "bob").await == count
        })
        .await;
    };
    is_known_as(0).await;
    // It is heard again: the next call from the other node rings.
    relay.recover();
    socket.send("heartbeat", &json!({})).await;
    socket.expect_message("heartbeat.ack").await;
    let call = caller.call("bob").await;
    let invited = socket.expect("call_invitation").await;
    assert_eq!(invited["callId"], *call);
    assert_eq!(caller.status_of(&call).await, "RINGING");
}
