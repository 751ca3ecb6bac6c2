//! Client of the REST API: one user's session on one device.

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use super::document::assert_documented;
use super::shape::assert_answer;
use super::{Address, Answer, Socket, within};

/// Returns an HTTP client that uses no proxy.
pub fn http_client() -> Client {
    // The server's use of reqwest switches TLS on, which needs a crypto library. It is set once.
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().no_proxy();
    client.build().expect("the client can be built")
}

/// A client that signs its requests with one token, or with none.
#[derive(Clone)]
pub struct Api {
    client: Client,
    address: Address,
    token: Option<String>,
}

impl Api {
    /// Gets a file of a page, which must be of `media_type`; returns its content security policy.
    pub async fn page_file(&self, path: &str, media_type: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        let content_type = answer.header("content-type").expect("a type");
        assert!(
            content_type.starts_with(media_type),
            "{path}: {content_type}"
        );
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(!policy.contains("unsafe"), "{policy}");
        policy.to_owned()
    }

    /// A client of the server at `address` with `token`.
    pub fn new(address: &Address, token: Option<String>) -> Self {
        Self {
            client: http_client(),
            address: address.clone(),
            token,
        }
    }

    /// The same client of the server at `address`.
    pub fn at(&self, address: &Address) -> Self {
        Self {
            address: address.clone(),
            ..self.clone()
        }
    }

    /// The token that signs the requests.
    pub fn token(&self) -> &str {
        self.token.as_deref().expect("this client is signed in")
    }

    /// The socket of this client's session.
    pub async fn socket(&self) -> Socket {
        Socket::connect(&self.address, self.token()).await
    }

    /// A request with this client's token, to be shaped further and then sent with [`Api::send`].
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, self.address.http(path));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request and reads the answer, whose shape is checked when it is one of `/api`.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let request = request.build().expect("the request is well formed");
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let answering = async {
            let response = self.client.execute(request).await;
            Answer::read(response.expect("the server answers")).await
        };
        let answer = within("the server to answer", answering).await;
        if path.starts_with("/api/v1") && method != Method::OPTIONS {
            assert_answer(&method, &path, &answer);
        }
        // A test's own routes are no part of the interface.
        let is_of_a_test = path.starts_with("/api/test/");
        let is_of_a_page = ["/console", "/admin"]
            .iter()
            .any(|page| path.starts_with(page));
        if method != Method::OPTIONS && !is_of_a_page && !is_of_a_test {
            assert_documented(&method, &path, &answer);
        }
        answer
    }

    /// `PUT path` with a body.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PUT, path).json(body)).await
    }

    /// `GET path`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// `POST path` with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// `POST path` with `body` as it is, said to be JSON.
    pub async fn post_text(&self, path: &str, body: impl Into<String>) -> Answer {
        let request = self
            .request(Method::POST, path)
            .header("content-type", "application/json");
        self.send(request.body(body.into())).await
    }

    /// Initiates a video call to `callee`.
    pub async fn initiate(&self, callee: &str) -> Answer {
        self.initiate_with(&initiate_body(callee)).await
    }

    /// Initiates a call with this body.
    pub async fn initiate_with(&self, body: &Value) -> Answer {
        self.post("/api/v1/calls/initiate", body).await
    }

    /// Initiates a call with this body and an `Idempotency-Key`.
    pub async fn initiate_once(&self, key: &str, body: &Value) -> Answer {
        let request = self.request(Method::POST, "/api/v1/calls/initiate");
        self.send(request.header("idempotency-key", key).json(body))
            .await
    }

    /// Initiates a video call to `callee`, which must succeed: the id of the call.
    pub async fn call(&self, callee: &str) -> String {
        let call = self.initiate(callee).await.success(201);
        call["id"].as_str().expect("a call id is text").to_owned()
    }

    /// Accepts a call.
    pub async fn accept(&self, call: &str) -> Answer {
        self.post(&format!("/api/v1/calls/{call}/accept"), &json!({}))
            .await
    }

    /// Says that a call rings on the callee's device, which is not connected.
    pub async fn ringing(&self, call: &str) -> Answer {
        self.post(&format!("/api/v1/calls/{call}/ringing"), &json!({}))
            .await
    }

    /// Rejects a call for `reason`.
    pub async fn reject(&self, call: &str, reason: &str) -> Answer {
        self.reject_with(call, &json!({ "reason": reason })).await
    }

    /// Rejects a call with this body.
    pub async fn reject_with(&self, call: &str, body: &Value) -> Answer {
        self.post(&format!("/api/v1/calls/{call}/reject"), body)
            .await
    }

    /// Ends a call and leaves the duration to the server.
    pub async fn end(&self, call: &str) -> Answer {
        self.end_with(call, &json!({})).await
    }

    /// Ends a call with this body.
    pub async fn end_with(&self, call: &str, body: &Value) -> Answer {
        self.post(&format!("/api/v1/calls/{call}/end"), body).await
    }

    /// Sets the status of a call.
    pub async fn set_status(&self, call: &str, status: &str) -> Answer {
        self.set_status_with(call, &json!({ "status": status }))
            .await
    }

    /// Sets the status of a call with this body.
    pub async fn set_status_with(&self, call: &str, body: &Value) -> Answer {
        let path = format!("/api/v1/calls/{call}/status");
        self.send(self.request(Method::PATCH, &path).json(body))
            .await
    }

    /// The details of a call.
    pub async fn details(&self, call: &str) -> Answer {
        self.get(&format!("/api/v1/calls/{call}")).await
    }

    /// The status that the details of a call show.
    pub async fn status_of(&self, call: &str) -> String {
        let details = self.details(call).await.success(200);
        details["status"]
            .as_str()
            .expect("a status is text")
            .to_owned()
    }

    /// One's live call.
    pub async fn active(&self) -> Answer {
        self.get("/api/v1/calls/active").await
    }

    /// `DELETE path`.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// A page of one's history, with `query` behind the question mark.
    pub async fn history(&self, query: &str) -> Answer {
        self.get(&format!("/api/v1/calls/history?{query}")).await
    }

    /// The entries on a page of one's history.
    pub async fn past_calls(&self, query: &str) -> Vec<Value> {
        let page = self.history(query).await.success(200);
        page["items"].as_array().expect("a list").clone()
    }

    /// How many missed calls one has not seen.
    pub async fn unseen(&self) -> u64 {
        let unseen = self.get("/api/v1/calls/history/unseen").await.success(200);
        unseen["missed"].as_u64().expect("a count")
    }

    /// Reports a call's quality with this body.
    pub async fn report(&self, call: &str, body: &Value) -> Answer {
        self.post(&format!("/api/v1/calls/{call}/quality"), body)
            .await
    }

    /// What was reported of a call's quality.
    pub async fn quality(&self, call: &str) -> Answer {
        self.get(&format!("/api/v1/calls/{call}/quality")).await
    }

    /// Asks for a socket at `path_and_query` without becoming one: the answer of a refusal, whose
    /// envelope is checked.
    pub async fn refused_upgrade(&self, path_and_query: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self
            .client
            .get(self.address.http(path_and_query))
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.send(request).await;
        assert_ne!(answer.status, 101, "the upgrade was to be refused");
        assert_answer(&Method::GET, "/ws/chat", &answer);
        answer
    }
}

/// The body that initiates a video call to `callee`.
pub fn initiate_body(callee: &str) -> Value {
    json!({ "calleeId": callee, "callType": "VIDEO", "channelId": "agora-channel-1" })
}
