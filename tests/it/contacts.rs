//! `/api/v1/contacts`, `chattrix contact`, and the setting `call_policy`.

use chattrix::call::CallPolicy;
use serde_json::{Value, json};

use crate::support::{Api, Cli, TestServer};

const CONTACTS: &str = "/api/v1/contacts";

async fn add(owner: &Api, user: &str) -> Value {
    owner
        .post(CONTACTS, &json!({ "userId": user }))
        .await
        .success(200)
}

async fn contacts(owner: &Api) -> Vec<String> {
    let list = owner.get(CONTACTS).await.success(200);
    let id = |one: &Value| one["userId"].as_str().expect("an id").to_owned();
    list.as_array().expect("a list").iter().map(id).collect()
}

async fn server_for_contacts() -> TestServer {
    TestServer::with(|s| s.call_policy = CallPolicy::Contacts).await
}

#[rocket::async_test]
async fn contacts_are_added_listed_and_removed() {
    let server = TestServer::start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    assert_eq!(add(&bob, "alice").await["name"], "Alice Archer");
    add(&bob, "carol").await;
    assert_eq!(contacts(&bob).await, ["alice", "carol"]);
    assert_eq!(
        contacts(&alice).await,
        [""; 0],
        "each has a list of its own"
    );
    bob.delete(&format!("{CONTACTS}/alice")).await.success(200);
    let answer = bob.delete(&format!("{CONTACTS}?userId=carol")).await;
    answer.success(200);
    assert_eq!(contacts(&bob).await, [""; 0]);
    let unnamed = bob.delete(CONTACTS).await.failure(400, "invalid_request");
    assert!(unnamed.starts_with("userId: "), "{unnamed}");
    let oneself = json!({ "userId": "bob" });
    let answer = bob.post(CONTACTS, &oneself).await;
    answer.failure(400, "invalid_request");
    let nobody = json!({ "userId": "nobody" });
    let answer = bob.post(CONTACTS, &nobody).await;
    answer.failure(404, "user_not_found");
    let answer = server.anonymous().get(CONTACTS).await;
    answer.failure(401, "unauthenticated");
}

#[rocket::async_test]
async fn everyone_may_call_everyone_unless_the_policy_says_otherwise() {
    let server = TestServer::start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    add(&alice, "carol").await;
    alice.call("bob").await;
    assert_eq!(contacts(&bob).await, [""; 0]);
}

#[rocket::async_test]
async fn with_the_policy_contacts_both_must_have_the_other() {
    let server = server_for_contacts().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    let refused = async || {
        let mut messages = Vec::new();
        for (caller, callee) in [(&alice, "bob"), (&bob, "alice")] {
            let answer = caller.initiate(callee).await;
            messages.push(answer.failure(403, "not_contacts"));
        }
        messages
    };
    let neither = refused().await;
    add(&alice, "bob").await;
    assert_eq!(refused().await, neither, "it does not say whose list it is");
    add(&bob, "alice").await;
    let call = alice.call("bob").await;
    bob.accept(&call).await.success(200);
    alice.delete(&format!("{CONTACTS}/bob")).await.success(200);
    // The call goes on; the next one does not come about.
    alice.end(&call).await.success(200);
    assert_eq!(refused().await, neither);
    assert_eq!(alice.past_calls("").await.len(), 1, "a refusal is not kept");
}

#[rocket::async_test]
async fn not_contacts_comes_after_404_and_before_409() {
    let server = server_for_contacts().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    add(&alice, "bob").await;
    add(&bob, "alice").await;
    alice.call("bob").await;
    let answer = alice.initiate("nobody").await;
    answer.failure(404, "user_not_found");
    alice.initiate("carol").await.failure(403, "not_contacts");
    alice.initiate("bob").await.failure(409, "caller_busy");
    let carol = server.sign_in("carol");
    carol.initiate("bob").await.failure(403, "not_contacts");
}

#[rocket::async_test]
async fn a_block_among_contacts_is_not_told_either() {
    let server = server_for_contacts().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    add(&alice, "bob").await;
    add(&bob, "alice").await;
    let _at_bob = bob.socket().await;
    let block = json!({ "userId": "alice" });
    bob.post("/api/v1/users/blocks", &block).await.success(200);
    assert_eq!(contacts(&bob).await, ["alice"]);
    let call = alice.call("bob").await;
    assert_eq!(alice.status_of(&call).await, "INITIATING");
}

#[rocket::async_test]
async fn contact_add_works_with_and_without_a_running_server() {
    let mut server = server_for_contacts().await;
    let cli = Cli::beside(&server);
    let [alice, carol] = ["alice", "carol"].map(|user| server.sign_in(user));
    alice.initiate("bob").await.failure(403, "not_contacts");
    cli.run(&["contact", "add", "alice", "bob"]).success();
    cli.run(&["contact", "add", "alice", "bob"]).success();
    alice.call("bob").await;

    server.stop().await;
    cli.run(&["contact", "add", "carol", "dave"]).success();
    cli.run(&["contact", "remove", "bob", "alice"]).success();
    server.start_again().await;
    carol.call("dave").await;
    assert_eq!(contacts(&alice).await, [""; 0]);
    cli.run(&["contact", "remove", "dave", "carol"]).success();
    assert_eq!(contacts(&carol).await, [""; 0]);
}

#[rocket::async_test]
async fn contact_list_says_whether_it_is_mutual() {
    let server = TestServer::start().await;
    let cli = Cli::beside(&server);
    let alice = server.sign_in("alice");
    add(&alice, "bob").await;
    cli.run(&["contact", "add", "alice", "carol"]).success();
    let listed = cli.json(&["contact", "list", "alice"]);
    let told: Vec<_> = listed
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| (one["id"].clone(), one["mutual"].clone()))
        .collect();
    assert_eq!(
        told,
        [(json!("bob"), json!(false)), (json!("carol"), json!(true))]
    );
    let table = cli.run(&["contact", "list", "alice"]).success();
    assert!(table.contains("Carol Cook"), "{table}");
}

#[rocket::async_test]
async fn contact_names_what_is_wrong() {
    let mut server = TestServer::start().await;
    let cli = Cli::beside(&server);
    for runs in [true, false] {
        let error = cli.run(&["contact", "add", "alice", "nobody"]).failure(1);
        assert!(error.contains("nobody"), "{runs}: {error}");
        let error = cli.run(&["contact", "list", "nobody"]).failure(1);
        assert!(error.contains("nobody"), "{runs}: {error}");
        cli.run(&["contact", "add", "alice", "alice"]).failure(2);
        if runs {
            server.stop().await;
        }
    }
    assert_eq!(server.check_database(), [""; 0]);
}
