//! Keep-alive HTTP connection for REST with minimal overhead: the generator shares the machine with the server under
//! test.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::error::CallError;
use crate::server::Server;

/// Maximum number of headers of a response; the server sends some ten.
const MAX_HEADERS: usize = 32;

/// One user's connection.
pub struct Http {
    stream: TcpStream,
    /// Lines of every request after the first.
    headers: String,
    request: String,
    answer: Vec<u8>,
}

/// Parsed fields of a response.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    #[serde(borrow)]
    data: Option<Call<'a>>,
    error_type: Option<&'a str>,
}

#[derive(Deserialize)]
struct Call<'a> {
    id: &'a str,
}

impl Http {
    /// Connects to `server` as the user of `token`.
    pub async fn connect(server: &Server, token: &SecretString) -> Result<Self, CallError> {
        let token = token.expose_secret();
        Ok(Self {
            stream: server.connect().await?,
            headers: format!(
                "Host: {}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n",
                server.authority()
            ),
            request: String::new(),
            answer: Vec::with_capacity(1024),
        })
    }

    /// Sends a request and returns the id of the call in the response, if any.
    ///
    /// # Errors
    /// Any status but `status`.
    pub async fn ask(
        &mut self,
        first_line: &str,
        body: &str,
        status: u16,
    ) -> Result<Option<&str>, CallError> {
        use std::fmt::Write as _;
        self.request.clear();
        let (headers, length) = (&self.headers, body.len());
        write!(
            self.request,
            "{first_line} HTTP/1.1\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        )
        .expect("a string takes all");
        self.stream.write_all(self.request.as_bytes()).await?;
        let (got, body_at) = self.read().await?;
        let envelope: Option<Envelope<'_>> = serde_json::from_slice(&self.answer[body_at..]).ok();
        let (call, word) = envelope.map_or((None, None), |it| (it.data, it.error_type));
        if got == status {
            return Ok(call.map(|call| call.id));
        }
        Err(CallError::Status(got, word.unwrap_or_default().to_owned()))
    }

    /// Reads a response: its status, and the offset of its body.
    async fn read(&mut self) -> Result<(u16, usize), CallError> {
        self.answer.clear();
        loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err(CallError::Lost("closed by the server".to_owned()));
            }
            if let Some((status, head, body)) = measured(&self.answer)?
                && self.answer.len() >= head + body
            {
                return Ok((status, head));
            }
        }
    }
}

/// Returns the status of a response and the lengths of its head and body, once the head is complete.
fn measured(answer: &[u8]) -> Result<Option<(u16, usize, usize)>, CallError> {
    let unreadable = || CallError::Lost("an answer that cannot be read".to_owned());
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = parsed.parse(answer).map_err(|_| unreadable())? else {
        return Ok(None);
    };
    let length = parsed
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .and_then(|header| std::str::from_utf8(header.value).ok()?.parse().ok());
    match (parsed.code, length) {
        (Some(status), Some(length)) => Ok(Some((status, head, length))),
        (None, _) | (_, None) => Err(unreadable()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_measured_once_its_head_is_there() {
        let answer = b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(measured(answer), Ok(Some((201, 43, 2))));
        assert_eq!(measured(&answer[..30]), Ok(None));
        assert!(measured(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(measured(b"SSH-2.0\r\n\r\n").is_err());
    }
}
