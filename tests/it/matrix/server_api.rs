//! Every route of the server API by every scope, by a user's token and without a token; and API keys on users' routes.

use reqwest::Method;
use serde_json::Value;

use super::rows::{MEDIA, beside_calls};
use crate::support::{Answer, Api, TestServer};

/// Scopes of API keys.
const SCOPES: [&str; 7] = [
    "users", "calls", "sessions", "tokens", "status", "events", "webhooks",
];

/// Routes below `/api/server/v1`: method, path, scope, body, status of the success.
const ROUTES: &str = r#"
    PUT    /users/{userId}                      users     {"name":"Alice"}                       200
    GET    /users/{userId}                      users     -                                      200
    PATCH  /users/{userId}                      users     {"name":"Alice"}                       200
    GET    /users                               users     -                                      200
    POST   /users/batch                         users     {"users":[]}                           200
    GET    /users/{userId}/blocks               users     -                                      200
    PUT    /users/{userId}/blocks/{otherId}     users     -                                      200
    DELETE /users/{userId}/blocks/{otherId}     users     -                                      200
    GET    /users/{userId}/contacts             users     -                                      200
    PUT    /users/{userId}/contacts/{otherId}   users     -                                      200
    DELETE /users/{userId}/contacts/{otherId}   users     -                                      200
    POST   /users/{userId}/token                tokens    {}                                     201
    GET    /sessions                            sessions  -                                      200
    GET    /users/{userId}/sessions             sessions  -                                      200
    DELETE /users/{userId}/sessions/{sessionId} sessions  -                                      200
    DELETE /users/{userId}/sessions             sessions  -                                      200
    POST   /presence                            sessions  {"users":["alice"]}                    200
    POST   /users/{userId}/events               events    {"type":"app.x","data":1}              200
    POST   /events                              events    {"users":["alice"],"type":"app.x","data":1} 200
    GET    /calls                               calls     -                                      200
    GET    /calls/{callId}                      calls     -                                      200
    POST   /calls/{callId}/end                  calls     {}                                     200
    POST   /calls                               calls     {"callerId":"alice","calleeId":"bob","callType":"VIDEO","channelId":"c"} 201
    GET    /statistics                          calls     -                                      200
    GET    /status                              status    -                                      200
    DELETE /users/{userId}                      users     -                                      200
    POST   /webhooks                            webhooks  {"url":"http://127.0.0.1:1"}           201
    GET    /webhooks                            webhooks  -                                      200
    POST   /webhooks/{webhookId}/rotate         webhooks  {}                                     200
    PATCH  /webhooks/{webhookId}                webhooks  {"paused":true}                        200
    POST   /webhooks/{webhookId}/test           webhooks  {}                                     200
    GET    /webhooks/messages                   webhooks  -                                      200
    POST   /webhooks/messages/{messageId}/retry webhooks  {}                                     404
    POST   /webhooks/retry                      webhooks  {}                                     200
    DELETE /webhooks/{webhookId}                webhooks  -                                      200
"#;

/// A route of the server API.
pub struct Row {
    pub method: Method,
    pub path: &'static str,
    scope: &'static str,
    body: Option<Value>,
    success: u16,
}

/// The routes, in an order in which each can succeed.
pub fn rows() -> Vec<Row> {
    let rows = ROUTES.trim().lines().map(|row| {
        let cells: Vec<_> = row.split_whitespace().collect();
        let [method, path, scope, body, success] = cells[..] else {
            panic!("{row}");
        };
        Row {
            method: method.parse().expect("a method"),
            path,
            scope,
            body: (body != "-").then(|| serde_json::from_str(body).expect("JSON")),
            success: success.parse().expect("a status"),
        }
    });
    rows.collect()
}

async fn ask(api: &Api, row: &Row, call: &str) -> Answer {
    // Erin is in no call, so she can be removed.
    let user = if row.method == Method::DELETE && row.path == "/users/{userId}" {
        "erin"
    } else {
        "alice"
    };
    let path = row.path.replace("{userId}", user);
    let path = path
        .replace("{otherId}", "bob")
        .replace("{sessionId}", "phone-1")
        .replace("{webhookId}", "1")
        .replace("{messageId}", "msg_0192f0c17a4b7c3d8e5f0123456789ab")
        .replace("{callId}", call);
    let request = api.request(row.method.clone(), &format!("/api/server/v1{path}"));
    api.send(match &row.body {
        Some(body) => request.json(body),
        None => request,
    })
    .await
}

#[rocket::async_test]
async fn every_route_of_the_server_api_needs_a_key_with_its_scope() {
    let plan = TestServer::plan().with(|settings| settings.webhook_allow_private = true);
    let server = plan.start().await;
    let _phone = server
        .socket(&server.token("alice").session("phone-1"))
        .await;
    let call = server.sign_in("carol").call("dave").await;
    let scoped = SCOPES.map(|scope| (scope, server.backend(scope)));
    let strangers = [server.sign_in("alice"), server.anonymous()];
    for row in rows() {
        for api in &strangers {
            ask(api, &row, &call).await.failure(401, "unauthenticated");
        }
        for (scope, api) in scoped.iter().filter(|(scope, _)| *scope != row.scope) {
            let message = ask(api, &row, &call).await.failure(403, "unauthorized");
            assert!(message.contains(row.scope), "{scope}: {message}");
        }
        let (_, api) = scoped
            .iter()
            .find(|(scope, _)| *scope == row.scope)
            .expect("the scope is listed");
        let answer = ask(api, &row, &call).await;
        let what = format!("{} {}", row.method, row.path);
        assert_eq!(answer.status, row.success, "{what}: {}", answer.body);
    }
}

#[rocket::async_test]
async fn an_api_key_is_no_token_of_a_user() {
    let server = TestServer::start().await;
    let backend = server.backend("all");
    for (method, path, parameter, body, _) in beside_calls() {
        let path = format!("/api/v1{}", path.replace("{userId}", parameter));
        let request = backend.request(method, &path);
        let request = if body.is_null() {
            request
        } else {
            request.json(&body)
        };
        backend.send(request).await.failure(401, "unauthenticated");
    }
    for path in MEDIA {
        let answer = backend.post(path, &serde_json::json!({})).await;
        answer.failure(401, "unauthenticated");
    }
    let refused = server.refused_socket(backend.token()).await;
    refused.failure(401, "unauthenticated");
}
