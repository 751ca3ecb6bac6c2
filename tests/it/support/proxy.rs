//! HTTP proxy on loopback.

use chattrix::settings::Proxy;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// A proxy that connects to the port that it is asked for, on this machine, and reports each request.
pub async fn proxy(status: &'static str) -> (Proxy, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (report, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(tunnel(client, status, report.clone()));
        }
    });
    let proxy = Proxy {
        host: "127.0.0.1".to_owned(),
        port,
        authorization: Some("Basic dXNlcjpwYXNz".into()),
    };
    (proxy, requests)
}

async fn tunnel(mut client: TcpStream, status: &str, report: mpsc::UnboundedSender<String>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.expect("a request"));
    }
    let head = String::from_utf8(head).expect("text");
    let port = head.split([':', ' ']).nth(2).expect("a port").to_owned();
    // The test may have seen enough.
    let _ = report.send(head);
    let answer = format!("HTTP/1.1 {status}\r\n\r\n");
    client.write_all(answer.as_bytes()).await.expect("sent");
    if status.starts_with("200") {
        let server = TcpStream::connect(format!("127.0.0.1:{port}")).await;
        let mut server = server.expect("the receiver");
        // Either side may end it.
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}
