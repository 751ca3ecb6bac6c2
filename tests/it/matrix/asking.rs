//! Requests, and the expected rejections.

use super::rows::CallAction;
use crate::support::{Answer, Api, Socket};

/// Does `action` to `call` as the user of `api`, over REST.
pub async fn send(api: &Api, action: &CallAction, call: &str) -> Answer {
    let path = format!("/api/v1/calls/{call}{}", action.path);
    let request = api.request(action.method.clone(), &path);
    let request = if action.body.is_null() {
        request
    } else {
        request.json(&action.body)
    };
    api.send(request).await
}

/// Says that it was refused: so it has changed nothing.
#[track_caller]
pub fn refused(answer: Answer, status: u16, error_type: &str, names: &str, what: &str) -> bool {
    assert_eq!(answer.status, status, "{what}: {}", answer.body);
    let message = answer.failure(status, error_type);
    assert!(message.contains(names), "{what}: {message}");
    false
}

/// The `errorType` that comes before the answer to a heartbeat, where one does.
pub async fn answer_before_the_ack(socket: &mut Socket) -> Option<String> {
    let mut error = None;
    loop {
        let message = socket
            .expect_one_of(&[
                "call_error",
                "heartbeat.ack",
                "call_invitation",
                "call_timeout",
                "call_accepted",
                "call_rejected",
                "call_ended",
            ])
            .await;
        match message["type"].as_str() {
            Some("heartbeat.ack") => return error,
            Some("call_error") => {
                error = message["payload"]["errorType"].as_str().map(str::to_owned);
            }
            _ => {}
        }
    }
}
