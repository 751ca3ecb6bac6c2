//! The real binary, killed while a backend adds users: the audit has one entry for each user who is there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use chattrix::clock::{Clock, Timestamp};
use chattrix::store::{AuditQuery, Database};
use reqwest::Method;
use serde_json::json;

use super::api;
use crate::support::{Api, Process, eventually, make_api_key, make_database, within};

/// Clients that add users at the same time.
const CLIENTS: usize = 8;

/// Acknowledged users after which the server is killed.
const USERS: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_has_one_audit_entry_for_each_change() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("chattrix.db");
    make_database(&path, []);
    let key = make_api_key(&path, "backend", "users", None, Clock::System.now());
    let mut server = Process::start(&path).await;
    let acknowledged: &'static Mutex<BTreeSet<String>> = Box::leak(Box::default());
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let backend = Api::new(server.address(), Some(key.clone()));
            tokio::spawn(add_users(backend, client, acknowledged))
        })
        .collect();
    let count = || acknowledged.lock().expect("no client panicked").len();
    eventually("enough users", async || count() >= USERS).await;
    server.kill();
    for client in clients {
        within("the clients to notice", client)
            .await
            .expect("ended");
    }
    let database = Database::open(&path).expect("opened");
    let query = AuditQuery {
        since: Timestamp::from_millis(0),
        key_name: None,
        limit: 1_000_000,
    };
    let mut entries: BTreeMap<String, usize> = BTreeMap::new();
    for entry in database.read().audit(&query).expect("read") {
        *entries.entry(entry.subject.expect("a user")).or_default() += 1;
    }
    let users = database.users().expect("read").into_iter();
    let users: BTreeSet<String> = users.map(|user| user.profile.id.to_string()).collect();
    let audited: BTreeSet<String> = entries.keys().cloned().collect();
    assert_eq!(users, audited);
    assert!(entries.values().all(|count| *count == 1), "{entries:?}");
    let acknowledged = acknowledged.lock().expect("no client panicked");
    assert!(acknowledged.is_subset(&users));
}

/// Adds one user after the other until the server is gone.
async fn add_users(backend: Api, client: usize, acknowledged: &Mutex<BTreeSet<String>>) {
    for number in 0.. {
        let id = format!("user-{client}-{number}");
        let request = backend.request(Method::PUT, &api(&format!("/users/{id}")));
        let Ok(answer) = request.json(&json!({ "name": "User" })).send().await else {
            return;
        };
        assert_eq!(answer.status(), 200);
        let mut acknowledged = acknowledged.lock().expect("no client panicked");
        acknowledged.insert(id);
    }
}
