//! Response of the REST API.

use reqwest::header::HeaderMap;
use serde_json::Value;

use super::shape;

/// What the server answered; its shape has been checked already where it came from `/api`.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body: JSON, or its text where it is none.
    pub body: Value,
}

impl Answer {
    /// Reads a whole answer.
    pub async fn read(response: reqwest::Response) -> Self {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.expect("the body can be read");
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Self {
            status,
            headers,
            body,
        }
    }

    /// The text of the header `name`, where there is one.
    pub fn header(&self, name: &str) -> Option<&str> {
        let value = self.headers.get(name)?;
        Some(value.to_str().expect("headers are ASCII"))
    }

    /// The `data` of a success with this status.
    #[track_caller]
    pub fn success(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        shape::assert_success(&self.body);
        self.body["data"].clone()
    }

    /// The `message` of a failure with this status and `errorType`.
    #[track_caller]
    pub fn failure(self, status: u16, error_type: &str) -> String {
        assert_eq!(self.status, status, "{}", self.body);
        shape::assert_failure(&self);
        assert_eq!(self.body["errorType"], error_type, "{}", self.body);
        self.body["message"]
            .as_str()
            .expect("message is text")
            .to_owned()
    }
}
