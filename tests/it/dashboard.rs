//! `docs/grafana.json` and `docs/alerts.yml`: every metric that they name exists.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;

use chattrix::settings::Rate;
use serde_json::Value;

use crate::support::{Receiver, TestServer, eventually};

const DASHBOARD: &str = include_str!("../../docs/grafana.json");
const ALERTS: &str = include_str!("../../docs/alerts.yml");

/// The names of metrics in `text`.
fn names(text: &str) -> BTreeSet<&str> {
    let starts = text
        .match_indices("chattrix_")
        .map(|(start, _)| &text[start..]);
    starts
        .map(|rest| {
            let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            rest.split(|c| !is_of_name(c)).next().unwrap_or_default()
        })
        .collect()
}

/// A server of which every kind of thing has been asked that is counted.
async fn busy_server() -> (TestServer, Receiver) {
    let rate = Rate {
        count: NonZeroU32::new(20).expect("not zero"),
        period: Duration::from_hours(1),
    };
    let mut receiver = Receiver::start().await;
    let plan = TestServer::plan().telling(&receiver);
    let plan = plan.with(|settings| settings.request_rate = Some(rate));
    let server = plan.start().await;
    let (alice, bob) = (server.sign_in("alice"), server.sign_in("bob"));
    let mut at_bob = bob.socket().await;
    let call = alice.call("bob").await;
    at_bob.expect("call_invitation").await;
    bob.accept(&call).await.success(200);
    alice.end(&call).await.success(200);
    at_bob.expect("call_ended").await;
    at_bob.close().await;
    let answer = server.anonymous().active().await;
    answer.failure(401, "unauthenticated");
    let carol = server.sign_in("carol");
    for _ in 0..20 {
        carol.active().await.success(200);
    }
    carol.active().await.failure(429, "rate_limited");
    receiver.next().await;
    (server, receiver)
}

#[rocket::async_test]
async fn dashboard_and_alerts_use_existing_metrics() {
    let (server, _receiver) = busy_server().await;
    let wanted: BTreeSet<_> = names(DASHBOARD).union(&names(ALERTS)).copied().collect();
    assert!(wanted.len() >= 25, "{wanted:?}");
    // The close of a socket is counted when the server has noticed it.
    eventually("every metric to be there", async || {
        let metrics = server.anonymous().get("/metrics").await;
        let text = metrics.body.as_str().expect("plain text").to_owned();
        wanted.is_subset(&names(&text))
    })
    .await;
}

#[rocket::async_test]
async fn everything_that_is_measured_is_on_the_dashboard() {
    let (server, _receiver) = busy_server().await;
    let metrics = server.anonymous().get("/metrics").await;
    let shown = names(DASHBOARD);
    for line in metrics.body.as_str().expect("plain text").lines() {
        let Some(named) = line.strip_prefix("# TYPE ") else {
            continue;
        };
        let (name, kind) = named.split_once(' ').expect("a name and a kind");
        let wanted = match kind {
            "histogram" => format!("{name}_bucket"),
            _ => name.to_owned(),
        };
        assert!(shown.contains(wanted.as_str()), "{wanted} is not shown");
    }
}

/// The sum of the values of a metric, whatever its labels.
fn total(text: &str, name: &str) -> f64 {
    let values = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let is_it = rest.starts_with([' ', '{']);
        is_it.then(|| line.rsplit(' ').next()?.parse::<f64>().ok())?
    });
    values.sum()
}

/// Each is there and grows with what it measures.
const MOVING: [&str; 18] = [
    "connections",
    "sessions",
    "connects_total",
    "closes_total",
    "events_sent_total",
    "events_kept_total",
    "calls_started_total",
    "calls_finished_total",
    "live_calls",
    "ring_duration_seconds_count",
    "call_duration_seconds_count",
    "request_duration_seconds_count",
    "rate_limits_hit_total",
    "auth_failures_total",
    "writer_batch_size_count",
    "writer_commit_seconds_count",
    "deadline_lateness_seconds_count",
    "wal_bytes",
];

#[rocket::async_test]
async fn every_metric_moves_with_what_it_measures() {
    let plan = TestServer::plan().with(|settings| {
        settings.initiate_rate = Some(Rate {
            count: NonZeroU32::MIN,
            period: Duration::from_hours(1),
        });
        settings.ring_timeout = Duration::from_millis(300);
    });
    let server = plan.start().await;
    let measured = async || {
        let metrics = server.anonymous().get("/metrics").await;
        metrics.body.as_str().expect("plain text").to_owned()
    };
    let before = measured().await;
    for named in ["sweeper_late_seconds", "writer_queue_depth", "build_info"] {
        assert!(before.contains(&format!("\nchattrix_{named}")), "{named}");
    }
    let users = ["alice", "bob", "carol", "dave", "erin", "frank"];
    let [alice, bob, carol, dave, erin, frank] = users.map(|user| server.sign_in(user));
    // One call is over, one was missed by somebody who is away, and one is live.
    let call = alice.call("bob").await;
    bob.accept(&call).await.success(200);
    alice.end(&call).await.success(200);
    carol.call("dave").await;
    let mut at_frank = frank.socket().await;
    let live = erin.call("frank").await;
    at_frank.expect("call_invitation").await;
    frank.accept(&live).await.success(200);
    drop(dave.socket().await);
    let answer = server.anonymous().active().await;
    answer.failure(401, "unauthenticated");
    let again = alice.initiate("bob").await;
    again.failure(429, "rate_limited");
    eventually("everything to have moved", async || {
        let after = measured().await;
        let still = |name: &str| {
            let name = format!("chattrix_{name}");
            total(&after, &name) <= total(&before, &name)
        };
        let is_measured = |name: &str| name != "wal_bytes" || !server.stored().is_postgres();
        !MOVING.iter().any(|name| is_measured(name) && still(name))
    })
    .await;
}

#[test]
fn dashboard_queries_use_its_variables() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array());
    for target in targets.flatten() {
        assert_eq!(target["datasource"]["uid"], "${datasource}", "{target}");
        let asked = target["expr"].as_str().expect("an expression");
        assert!(asked.contains(r#"instance=~"$instance""#), "{asked}");
    }
}
