//! Address of the server under test.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::http::Uri;

use crate::error::CallError;

/// Address of a server, as `host:port`. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Server(Arc<str>);

impl Server {
    /// Returns it as `host:port`.
    pub(crate) fn authority(&self) -> &str {
        &self.0
    }

    /// Opens a connection to it.
    pub(crate) async fn connect(&self) -> Result<TcpStream, CallError> {
        let stream = TcpStream::connect(&*self.0).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.0)
    }
}

impl FromStr for Server {
    type Err = &'static str;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let wrong = "expected the server's own URL, without TLS, such as http://127.0.0.1:8000";
        let uri: Uri = url.parse().map_err(|_| wrong)?;
        let plain = matches!(uri.scheme_str(), Some("http" | "ws"));
        let authority = uri.authority().filter(|it| !it.as_str().contains('@'));
        match authority {
            Some(authority) if plain && matches!(uri.path(), "" | "/") && uri.query().is_none() => {
                let port = authority.port_u16().unwrap_or(80);
                Ok(Self(format!("{}:{port}", authority.host()).into()))
            }
            Some(_) | None => Err(wrong),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_by_its_own_url() {
        for (url, authority) in [
            ("http://127.0.0.1:8000", "127.0.0.1:8000"),
            ("http://[::1]:8000/", "[::1]:8000"),
            ("ws://localhost", "localhost:80"),
        ] {
            let server: Server = url.parse().expect(url);
            assert_eq!(server.authority(), authority);
        }
        for bad in [
            "",
            "localhost:8000",
            "https://a",
            "http://a/b",
            "http://u:p@a",
        ] {
            assert!(bad.parse::<Server>().is_err(), "{bad}");
        }
    }
}
