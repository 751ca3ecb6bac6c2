//! A user's WebSocket.

use futures_util::{SinkExt, StreamExt};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::error::CallError;
use crate::server::Server;

/// One user's connection.
pub struct Socket(WebSocketStream<TcpStream>);

/// Parsed fields of a message.
#[derive(Deserialize)]
struct Envelope<'a> {
    r#type: &'a str,
    #[serde(borrow, alias = "payload")]
    data: Body<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(default)]
    call_id: Option<&'a str>,
    #[serde(default)]
    error_type: Option<&'a str>,
}

/// Small buffers: a test may open thousands.
pub fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(2 * 1024)
        .write_buffer_size(0)
}

impl Socket {
    /// Connects to `server` as the user of `token`.
    pub async fn connect(server: &Server, token: &SecretString) -> Result<Self, CallError> {
        let mut request = format!("ws://{}/ws/chat", server.authority()).into_client_request()?;
        let bearer = format!("Bearer {}", token.expose_secret());
        let value = HeaderValue::try_from(bearer).expect("a token is ASCII");
        request.headers_mut().insert(AUTHORIZATION, value);
        let stream = server.connect().await?;
        let (socket, _) = client_async_with_config(request, stream, Some(config())).await?;
        Ok(Self(socket))
    }

    /// Sends the message `word` about `call`.
    pub async fn send(&mut self, word: &str, call: &str) -> Result<(), CallError> {
        let text = format!(r#"{{"type":"{word}","payload":{{"callId":"{call}"}}}}"#);
        Ok(self.0.send(Message::text(text)).await?)
    }

    /// Waits for the message `word`, about `call` if one is given, and returns its call. Other messages are left over
    /// from earlier calls and are skipped.
    pub async fn receive(&mut self, word: &str, call: Option<&str>) -> Result<String, CallError> {
        while let Some(message) = self.0.next().await {
            let Message::Text(text) = message? else {
                continue;
            };
            let Ok(Envelope { r#type, data }) = serde_json::from_str(&text) else {
                continue;
            };
            if r#type == "call_error" {
                return Err(CallError::Message(data.error_type.unwrap_or("").to_owned()));
            }
            if let Some(about) = data.call_id
                && r#type == word
                && call.is_none_or(|call| call == about)
            {
                return Ok(about.to_owned());
            }
        }
        Err(CallError::Lost("closed by the server".to_owned()))
    }

    /// Reads and discards messages until the connection ends.
    pub async fn idle(mut self) {
        while let Some(Ok(_)) = self.0.next().await {}
    }
}

impl From<tungstenite::Error> for CallError {
    fn from(error: tungstenite::Error) -> Self {
        match error {
            tungstenite::Error::Http(answer) => {
                let word = answer.status().canonical_reason().unwrap_or_default();
                Self::Status(answer.status().as_u16(), format!("{word}, for a socket"))
            }
            tungstenite::Error::Io(error) => error.into(),
            other => Self::Lost(other.to_string()),
        }
    }
}
