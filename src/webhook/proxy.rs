//! Tunnel through an HTTP proxy (RFC 9110, section 9.3.6), for servers that may not connect to the internet themselves.

use secrecy::ExposeSecret as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::settings::Proxy;

use super::connection::CONNECT_WAIT;
use super::target::Target;

/// Longest head of a response to `CONNECT`.
const HEAD_LIMIT: usize = 8 * 1024;

/// Connects to `proxy` and has it connect to `target`.
///
/// # Errors
/// The reason, for the administrator.
pub(super) async fn tunnel(proxy: &Proxy, target: &Target) -> Result<TcpStream, String> {
    let address = (proxy.host.as_str(), proxy.port);
    let mut stream = match timeout(CONNECT_WAIT, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(format!("no connection to https_proxy {proxy:?}: {error}")),
        Err(_) => {
            return Err(format!(
                "no connection to https_proxy {proxy:?} within {CONNECT_WAIT:?}"
            ));
        }
    };
    let broken = |error| format!("https_proxy {proxy:?}: {error}");
    let request = request(proxy, target);
    stream.write_all(request.as_bytes()).await.map_err(broken)?;
    let head = read_head(&mut stream).await.map_err(broken)?;
    match status(&head) {
        Some(200..=299) => Ok(stream),
        Some(status) => Err(format!(
            "https_proxy {proxy:?} answered {status} to CONNECT"
        )),
        None => Err(format!("https_proxy {proxy:?} does not speak HTTP")),
    }
}

fn request(proxy: &Proxy, target: &Target) -> String {
    let host = if target.host.contains(':') {
        format!("[{}]", target.host)
    } else {
        target.host.clone()
    };
    let authority = format!("{host}:{}", target.port);
    let authorization = proxy.authorization.as_ref();
    let authorization = authorization.map_or_else(String::new, |value| {
        format!("Proxy-Authorization: {}\r\n", value.expose_secret())
    });
    format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{authorization}\r\n")
}

/// Reads up to the empty line and no further: what follows belongs to the tunnel.
async fn read_head(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD_LIMIT {
        head.push(stream.read_u8().await?);
    }
    Ok(head)
}

/// Returns the status of a response (RFC 9112, section 4).
fn status(head: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(head.split(|byte| *byte == b'\r').next()?).ok()?;
    let rest = line
        .strip_prefix("HTTP/1.1 ")
        .or_else(|| line.strip_prefix("HTTP/1.0 "))?;
    rest.get(..3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connect_names_host_and_port() {
        let proxy = |authorization: Option<&str>| Proxy {
            host: "proxy".to_owned(),
            port: 3128,
            authorization: authorization.map(Into::into),
        };
        let target = Target::parse("https://app.example.com/hooks").expect("a URL");
        assert_eq!(
            request(&proxy(None), &target),
            "CONNECT app.example.com:443 HTTP/1.1\r\nHost: app.example.com:443\r\n\r\n"
        );
        let target = Target::parse("https://[2001:db8::1]:8443/").expect("a URL");
        let request = request(&proxy(Some("Basic dTpw")), &target);
        assert!(
            request.starts_with("CONNECT [2001:db8::1]:8443 HTTP/1.1\r\n"),
            "{request}"
        );
        assert!(
            request.contains("\r\nProxy-Authorization: Basic dTpw\r\n"),
            "{request}"
        );
    }

    #[test]
    fn status_of_a_response_is_read() {
        assert_eq!(
            status(b"HTTP/1.1 200 Connection established\r\n\r\n"),
            Some(200)
        );
        assert_eq!(status(b"HTTP/1.0 407 x\r\nA: b\r\n\r\n"), Some(407));
        for other in [&b""[..], b"SSH-2.0-x\r\n", b"HTTP/1.1 2", b"HTTP/2 200"] {
            assert_eq!(status(other), None);
        }
    }
}
