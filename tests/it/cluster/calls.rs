//! Calls between users on different nodes: each session gets all events, in one order.

use serde_json::json;

use super::{NODES, connect_participants, expect_nothing_else, send_app_event};
use crate::support::{Cluster, Receiver, eventually, initiate_body};

#[tokio::test(flavor = "multi_thread")]
async fn users_on_different_nodes_call_each_other() {
    let Some(cluster) = Cluster::start(NODES, &[]).await else {
        return;
    };
    let [mut phone, mut tablet, mut bobs_phone, mut bobs_tablet] =
        connect_participants(&cluster).await;
    for answers_on_socket in [false, true] {
        let sent = send_app_event(&cluster, &["alice", "bob"], "app.before").await;
        assert_eq!(sent["reached"], 4);
        let call = cluster.any(&phone.api).call("bob").await;
        for device in [&mut bobs_phone, &mut bobs_tablet] {
            device.socket.expect("app.before").await;
            let invitation = device.socket.expect("call_invitation").await;
            assert_eq!(invitation["callId"], *call);
        }
        let live = cluster.any(&bobs_tablet.api).active().await.success(200);
        assert_eq!(
            (&live["id"], &live["status"]),
            (&json!(call), &json!("RINGING"))
        );
        if answers_on_socket {
            bobs_phone.socket.accept(&call).await;
        } else {
            let accepted = cluster.any(&bobs_phone.api).accept(&call).await;
            accepted.success(200);
        }
        for device in [&mut phone, &mut tablet] {
            device.socket.expect("app.before").await;
        }
        let accepted = json!({ "callId": call, "acceptedBy": "bob" });
        for device in [&mut phone, &mut tablet, &mut bobs_tablet] {
            assert_eq!(device.socket.expect("call_accepted").await, accepted);
        }

        // Signals go to the one session that is in the call.
        for number in 0..5 {
            let signal = json!({ "callId": call, "signal": { "n": number } });
            phone.socket.send("call.signal", &signal).await;
            let told = json!({ "callId": call, "from": "alice", "signal": { "n": number } });
            assert_eq!(bobs_phone.socket.expect("call_signal").await, told);
            bobs_phone.socket.send("call.signal", &signal).await;
            assert_eq!(phone.socket.expect("call_signal").await["from"], "bob");
        }
        let active = cluster.any(&tablet.api).set_status(&call, "ACTIVE").await;
        active.success(200);
        let poor = json!({ "networkQuality": "POOR" });
        let reported = cluster.any(&phone.api).report(&call, &poor).await;
        reported.success(200);
        let warning = json!({ "callId": call, "quality": "POOR" });
        for device in [&mut bobs_phone, &mut bobs_tablet] {
            assert_eq!(device.socket.expect("call_quality_warning").await, warning);
        }
        // Another node reads it once it is stored.
        eventually("the report to be stored", async || {
            let quality = cluster.any(&bobs_phone.api).quality(&call).await;
            let both = quality.success(200)["participants"].take();
            let mut both = both.as_array().expect("a list").iter();
            both.any(|one| one["reportCount"] == 1)
        })
        .await;

        cluster.any(&tablet.api).end(&call).await.success(200);
        for device in [&mut phone, &mut bobs_phone, &mut bobs_tablet] {
            let ended = device.socket.expect("call_ended").await;
            assert_eq!(
                (&ended["callId"], &ended["endedBy"]),
                (&json!(call), &json!("alice"))
            );
        }
        let everybody = [&mut phone, &mut tablet, &mut bobs_phone, &mut bobs_tablet];
        let sockets = everybody.map(|device| &mut device.socket);
        expect_nothing_else(&cluster, &["alice", "bob"], sockets).await;
        for api in [&phone.api, &bobs_phone.api] {
            let entries = cluster.any(api).past_calls("limit=1").await;
            assert_eq!(
                (&entries[0]["callId"], &entries[0]["status"]),
                (&json!(call), &json!("COMPLETED"))
            );
        }
    }
}

/// What one node has answered, the others know: keys of idempotency, live calls, and rates of calls.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_one_node_holds_on_all() {
    let settings = [("CHATTRIX_INITIATE_RATE", "4/1h")];
    let Some(cluster) = Cluster::start(NODES, &settings).await else {
        return;
    };
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|user| cluster.sign_in(user, "phone"));
    let body = initiate_body("bob");
    let mut calls = Vec::new();
    for place in 0..NODES {
        let made = alice
            .at(cluster.address(place))
            .initiate_once("once", &body)
            .await;
        calls.push(made.success(201)["id"].as_str().expect("an id").to_owned());
    }
    calls.dedup();
    let [call] = &calls[..] else {
        panic!("made more than once: {calls:?}");
    };
    for place in 0..NODES {
        let node = cluster.address(place);
        let busy = carol.at(node).initiate("alice").await;
        busy.failure(409, "user_busy");
        assert_eq!(bob.at(node).active().await.success(200)["id"], **call);
    }
    cluster.any(&bob).reject(call, "busy").await.success(200);
    // The rate of calls holds over all nodes.
    let mut made = 0;
    for _ in 0..6 {
        let answer = cluster.any(&bob).initiate("alice").await;
        if answer.status == 429 {
            break;
        }
        let call = answer.success(201)["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        cluster.any(&bob).end(&call).await.success(200);
        made += 1;
    }
    assert_eq!(made, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn webhook_endpoint_gets_events_of_all_nodes_at_once() {
    let settings = [("CHATTRIX_WEBHOOK_ALLOW_PRIVATE", "true")];
    let Some(cluster) = Cluster::start(NODES, &settings).await else {
        return;
    };
    let mut receiver = Receiver::start().await;
    let alice = cluster.sign_in("alice", "phone");
    let path = "/api/server/v1/webhooks";
    for event in ["call.ended", "call.initiated"] {
        let endpoint = json!({ "url": receiver.url(), "events": [event] });
        let made = cluster.backend().post(path, &endpoint).await.success(201);
        for place in 0..NODES {
            let api = alice.at(cluster.address(place));
            let call = api.call("bob").await;
            api.end(&call).await.success(200);
            assert_eq!(receiver.expect(event).await.call(), call);
        }
        let id = &made["receiver"];
        let deleted = cluster.backend().delete(&format!("{path}/{id}")).await;
        deleted.success(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn initiate_rate_counts_refused_calls_of_all_nodes() {
    let settings = [("CHATTRIX_INITIATE_RATE", "4/1m")];
    let Some(cluster) = Cluster::start(NODES, &settings).await else {
        return;
    };
    let alice = cluster.sign_in("alice", "phone");
    for place in [0, 1] {
        let at_node = alice.at(cluster.address(place));
        let call = at_node.initiate_once("a-key", &initiate_body("bob")).await;
        call.success(201);
    }
    let busy = alice.at(cluster.address(2)).initiate("carol").await;
    busy.failure(409, "caller_busy");
    let unknown = alice.at(cluster.address(0)).initiate("nobody").await;
    unknown.failure(404, "user_not_found");
    for place in 0..NODES {
        let limited = alice.at(cluster.address(place)).initiate("nobody").await;
        limited.failure(429, "rate_limited");
    }
}
