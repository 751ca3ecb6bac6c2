//! Reactions to messages and typed lines, without I/O.

use serde_json::Value;

use super::Answer;
use super::command::{self, Command};

/// Listening user: the answer to invitations, and the latest call.
pub struct Session {
    answer: Answer,
    latest_call: Option<String>,
}

/// Result of a typed line.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this.
    Send(String),
    /// Print this.
    Say(String),
    /// Close the connection.
    Quit,
    /// Nothing.
    Nothing,
}

impl Session {
    /// A session that answers invitations with `answer`.
    pub fn new(answer: Answer) -> Self {
        Self {
            answer,
            latest_call: None,
        }
    }

    /// Returns whether it runs without typed input.
    pub fn answers_by_itself(&self) -> bool {
        self.answer != Answer::None
    }

    /// Returns the reply to a message from the server, if it needs one.
    pub fn on_message(&mut self, message: &Value) -> Option<String> {
        let body = message.get("data").or_else(|| message.get("payload"));
        let call = body?.get("callId")?.as_str()?;
        self.latest_call = Some(call.to_owned());
        if message.get("type")?.as_str()? != "call_invitation" {
            return None;
        }
        match self.answer {
            Answer::None => None,
            Answer::Accept => Some(command::accept(call)),
            Answer::Reject(reason) => Some(command::reject(call, reason)),
        }
    }

    /// Returns the result of a typed line.
    pub fn on_line(&self, line: &str) -> Step {
        let command = match Command::parse(line) {
            Ok(Some(command)) => command,
            Ok(None) => return Step::Nothing,
            Err(sentence) => return Step::Say(sentence),
        };
        match command {
            Command::Accept(call) => self.send(call.as_deref(), command::accept),
            Command::Reject(reason, call) => {
                self.send(call.as_deref(), |call| command::reject(call, reason))
            }
            Command::End(seconds, call) => {
                self.send(call.as_deref(), |call| command::end(call, seconds))
            }
            Command::Heartbeat => Step::Send(command::heartbeat()),
            Command::Raw(text) => Step::Send(text),
            Command::Help => Step::Say(command::HELP.to_owned()),
            Command::Quit => Step::Quit,
        }
    }

    /// Returns the message about `call`, or about the latest call.
    fn send(&self, call: Option<&str>, message: impl FnOnce(&str) -> String) -> Step {
        match call.or(self.latest_call.as_deref()) {
            Some(call) => Step::Send(message(call)),
            None => Step::Say("no call yet: give a call id".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Reason;
    use super::*;

    fn invitation(call: &str) -> Value {
        json!({"type": "call_invitation", "data": {"callId": call}, "timestamp": "…"})
    }

    #[test]
    fn invitations_are_answered_as_asked() {
        let answer = |answer| Session::new(answer).on_message(&invitation("c"));
        assert_eq!(answer(Answer::None), None);
        assert_eq!(answer(Answer::Accept), Some(command::accept("c")));
        let busy = Answer::Reject(Reason::Busy);
        assert_eq!(answer(busy), Some(command::reject("c", Reason::Busy)));
    }

    #[test]
    fn other_messages_are_not_answered() {
        let mut session = Session::new(Answer::Accept);
        for message in [
            json!({"type": "call_ended", "data": {"callId": "c"}}),
            json!({"type": "heartbeat.ack", "payload": {"userId": "bob"}}),
            json!({"type": "call_invitation"}),
            json!("call_invitation"),
        ] {
            assert_eq!(session.on_message(&message), None, "{message}");
        }
    }

    #[test]
    fn a_command_without_an_id_means_the_latest_call() {
        let mut session = Session::new(Answer::None);
        assert!(matches!(session.on_line("end"), Step::Say(_)));
        session.on_message(&invitation("first"));
        session.on_message(&json!({"type": "call_error", "payload": {"callId": "second"}}));
        assert_eq!(
            session.on_line("end 5"),
            Step::Send(command::end("second", Some(5)))
        );
        assert_eq!(
            session.on_line("accept first"),
            Step::Send(command::accept("first"))
        );
        session.on_message(&json!({"type": "call_error", "payload": {"callId": null}}));
        assert_eq!(
            session.on_line("accept"),
            Step::Send(command::accept("second"))
        );
    }
}
