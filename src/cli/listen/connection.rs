//! The loop between the server, the keyboard and Ctrl-C.

use std::io::{self, BufRead, IsTerminal};
use std::thread;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::super::error::CliError;
use super::super::output::{self, printable};
use super::server::Socket;
use super::session::{Session, Step};

/// How long the server may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// Listens until the person quits or the server closes.
///
/// # Errors
/// The connection ended without having been asked to.
pub async fn run(mut socket: Socket, mut session: Session) -> Result<(), CliError> {
    let leaves_at_end_of_input = io::stdin().is_terminal() && !session.answers_by_itself();
    let mut lines = lines();
    let mut typing = true;
    let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        tokio::select! {
            heard = socket.next() => {
                if let Some(reply) = hear(heard, &mut session)? {
                    send(&mut socket, reply).await?;
                }
            }
            line = lines.recv(), if typing => match line.as_deref().map(|line| session.obey(line)) {
                Some(Step::Send(message)) => send(&mut socket, message).await?,
                Some(Step::Say(text)) => output::tell(&text),
                Some(Step::Nothing) => {}
                Some(Step::Quit) => break,
                None if leaves_at_end_of_input => break,
                None => typing = false,
            },
            _ = &mut interrupt => break,
        }
    }
    say_goodbye(socket).await;
    Ok(())
}

/// Prints what came, and gives the answer to it if there is one.
fn hear(
    heard: Option<Result<Message, Error>>,
    session: &mut Session,
) -> Result<Option<String>, CliError> {
    match heard {
        Some(Ok(Message::Text(text))) => {
            let Ok(message) = serde_json::from_str::<Value>(&text) else {
                output::tell(&format!(
                    "the server sent what is no JSON: {}",
                    printable(&text)
                ));
                return Ok(None);
            };
            // As it came, unless that would break the promise of one line for each message.
            if text.contains(['\n', '\r']) {
                output::line(&message.to_string())?;
            } else {
                output::line(&text)?;
            }
            Ok(session.hear(&message))
        }
        Some(Ok(Message::Close(frame))) => Err(closed(frame.as_ref())),
        Some(Ok(Message::Binary(bytes))) => {
            output::tell(&format!(
                "the server sent {} bytes that are no text",
                bytes.len()
            ));
            Ok(None)
        }
        // The library answers pings itself.
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(None),
        Some(Err(error)) => Err(CliError::new(format!("the connection was lost: {error}"))),
        None => Err(closed(None)),
    }
}

/// The server closed: with which code, and what the code means (contract section 4).
fn closed(frame: Option<&CloseFrame>) -> CliError {
    let Some(CloseFrame { code, reason }) = frame else {
        return CliError::new("the server closed the connection without saying why");
    };
    let code = u16::from(*code);
    let meaning = match code {
        1009 => "the message was too large",
        1012 => "the server is stopping",
        1013 => "this reader was too slow",
        4000 => "another connection took the place of this one",
        4001 => "the token has expired",
        _ => "no reason given",
    };
    let reason = if reason.is_empty() {
        meaning.to_owned()
    } else {
        printable(reason)
    };
    CliError::new(format!(
        "the server closed the connection: {reason} (code {code})"
    ))
}

async fn send(socket: &mut Socket, message: String) -> Result<(), CliError> {
    match socket.send(Message::text(message)).await {
        // The server's own words on why it closed are still to be read.
        Ok(()) | Err(Error::ConnectionClosed | Error::AlreadyClosed | Error::Protocol(_)) => Ok(()),
        Err(error) => Err(CliError::new(format!("the connection was lost: {error}"))),
    }
}

async fn say_goodbye(mut socket: Socket) {
    let frame = CloseFrame {
        code: CloseCode::Normal,
        reason: "".into(),
    };
    let goodbye = async {
        if socket.close(Some(frame)).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    // We are leaving; whether the server noticed makes no difference to anybody.
    let _ = tokio::time::timeout(GOODBYE, goodbye).await;
}

/// The lines of standard input. A thread reads them that nobody waits for: a read that blocks
/// would otherwise hold up the end of the program until the next line.
fn lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(1);
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_is_told_with_its_reason_or_meaning_and_its_code() {
        let sentence = |code, reason: &'static str| {
            closed(Some(&CloseFrame {
                code: CloseCode::from(code),
                reason: reason.into(),
            }))
            .to_string()
        };
        for (code, reason, told) in [
            (4000, "replaced", "replaced (code 4000)"),
            (1012, "", "the server is stopping (code 1012)"),
            (3000, "", "no reason given (code 3000)"),
        ] {
            assert!(
                sentence(code, reason).ends_with(told),
                "{}",
                sentence(code, reason)
            );
        }
    }
}
