//! Connection to the server.

use std::io;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Response, StatusCode, Uri};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::super::error::CliError;
use super::super::output::printable;

/// The socket's route (specification, "Connection").
const ROUTE: &str = "/ws/chat";

/// A connection to the server.
pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Returns the WebSocket address of the server with the base `url`.
///
/// # Errors
/// What was expected instead.
pub fn endpoint(url: &str) -> Result<String, String> {
    let wrong = || "expected a URL such as ws://127.0.0.1:8000 or https://calls.example.com";
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let scheme = match uri.scheme_str() {
        Some("ws" | "http") => "ws",
        Some("wss" | "https") => "wss",
        _ => return Err(wrong().to_owned()),
    };
    let authority = uri
        .authority()
        .filter(|authority| !authority.as_str().contains('@'));
    let (Some(authority), None) = (authority, uri.query()) else {
        return Err(wrong().to_owned());
    };
    let path = uri.path().trim_end_matches('/');
    let path = path.strip_suffix(ROUTE).unwrap_or(path);
    Ok(format!("{scheme}://{authority}{path}{ROUTE}"))
}

/// Connects to `endpoint` with `token` in a header: proxies log addresses.
pub async fn connect(endpoint: &str, token: &SecretString) -> Result<Socket, CliError> {
    let unusable = |error: &dyn std::fmt::Display| {
        CliError::new(format!("cannot connect to {endpoint}: {error}"))
    };
    let mut request = endpoint
        .into_client_request()
        .map_err(|error| unusable(&error))?;
    let bearer = format!("Bearer {}", token.expose_secret());
    let mut bearer = HeaderValue::try_from(bearer).map_err(|error| unusable(&error))?;
    bearer.set_sensitive(true);
    request.headers_mut().insert(AUTHORIZATION, bearer);
    match connect_async(request).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => Err(refusal(endpoint, &response)),
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            Err(CliError::new(format!("no server responds at {endpoint}"))
                .hint("start one with `chattrix serve --dev`, or name another with --url"))
        }
        Err(error) => Err(unusable(&error)),
    }
}

/// Returns the error for a rejected upgrade.
fn refusal(endpoint: &str, response: &Response<Option<Vec<u8>>>) -> CliError {
    let sentence = sentence_of(response)
        .map(|text| format!(": {text}"))
        .unwrap_or_default();
    let failure = CliError::new(format!(
        "{endpoint} returned {}{sentence}",
        response.status()
    ));
    match response.status() {
        StatusCode::UNAUTHORIZED => failure.hint(
            "check that the server uses the key of these settings and that the user exists there \
             (--dev for dev mode; chattrix user list)",
        ),
        StatusCode::NOT_FOUND => failure.hint("--url is the server's address without /ws/chat"),
        _ => failure,
    }
}

/// Returns the message of the error envelope (contract section 2), if the body arrived.
fn sentence_of(response: &Response<Option<Vec<u8>>>) -> Option<String> {
    let envelope: Value = serde_json::from_slice(response.body().as_ref()?).ok()?;
    envelope.get("message")?.as_str().map(printable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_form_leads_to_the_websocket() {
        for (url, expected) in [
            ("ws://127.0.0.1:8000", "ws://127.0.0.1:8000/ws/chat"),
            ("http://localhost:8000/", "ws://localhost:8000/ws/chat"),
            (
                "https://calls.example.com",
                "wss://calls.example.com/ws/chat",
            ),
            (
                "wss://calls.example.com/under/here",
                "wss://calls.example.com/under/here/ws/chat",
            ),
            ("ws://[::1]:8000/ws/chat", "ws://[::1]:8000/ws/chat"),
        ] {
            assert_eq!(endpoint(url).as_deref(), Ok(expected), "{url}");
        }
        for bad in [
            "",
            "localhost",
            "localhost:8000",
            "ftp://a",
            "ws://a?token=x",
            "ws://u:p@a",
            "/a",
        ] {
            assert!(endpoint(bad).is_err(), "{bad}");
        }
    }
}
