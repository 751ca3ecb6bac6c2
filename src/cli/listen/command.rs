//! Commands that a user or a script types.

use serde_json::json;

use super::Reason;

/// Output of `help`.
pub const HELP: &str = "\
accept [CALL_ID]                            accept the call
reject busy|declined|unavailable [CALL_ID]  reject the call
end [SECONDS] [CALL_ID]                     end the call and report its duration
heartbeat                                   check that the server responds
{…}                                         send this JSON unchanged
quit                                        close the connection
The default of CALL_ID is the latest call.";

/// Parsed line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Accept a call.
    Accept(Option<String>),
    /// Reject a call.
    Reject(Reason, Option<String>),
    /// End a call.
    End(Option<u32>, Option<String>),
    /// Send a heartbeat.
    Heartbeat,
    /// Send the line.
    Raw(String),
    /// Show the commands.
    Help,
    /// Close the connection.
    Quit,
}

impl Command {
    /// Parses `line`; returns none if it is empty.
    ///
    /// # Errors
    /// What was expected instead.
    pub fn parse(line: &str) -> Result<Option<Self>, String> {
        let line = line.trim();
        if line.starts_with('{') {
            return Ok(Some(Self::Raw(line.to_owned())));
        }
        let words: Vec<_> = line.split_whitespace().collect();
        let id = |id: &str| Some(id.to_owned());
        let command = match words.as_slice() {
            [] => return Ok(None),
            ["accept"] => Self::Accept(None),
            ["accept", call] => Self::Accept(id(call)),
            ["reject", word] => Self::Reject(reason(word)?, None),
            ["reject", word, call] => Self::Reject(reason(word)?, id(call)),
            ["end"] => Self::End(None, None),
            ["end", word] => match word.parse() {
                Ok(seconds) => Self::End(Some(seconds), None),
                Err(_) => Self::End(None, id(word)),
            },
            ["end", word, call] => {
                let seconds = word
                    .parse()
                    .map_err(|_| format!("expected a number of seconds, got {word}"))?;
                Self::End(Some(seconds), id(call))
            }
            ["heartbeat"] => Self::Heartbeat,
            ["help" | "?"] => Self::Help,
            ["quit" | "exit"] => Self::Quit,
            ["reject"] => return Err("reject needs a reason: busy, declined or unavailable".into()),
            _ => {
                return Err(format!(
                    "unknown command \"{line}\"; help lists all commands"
                ));
            }
        };
        Ok(Some(command))
    }
}

fn reason(word: &str) -> Result<Reason, String> {
    match word {
        "busy" => Ok(Reason::Busy),
        "declined" => Ok(Reason::Declined),
        "unavailable" => Ok(Reason::Unavailable),
        _ => Err(format!(
            "expected busy, declined or unavailable, got {word}"
        )),
    }
}

/// Returns the message that accepts `call` (specification, "Client to Server Messages").
pub fn accept(call: &str) -> String {
    json!({"type": "call.accept", "payload": {"callId": call}}).to_string()
}

/// Returns the message that rejects `call`.
pub fn reject(call: &str, reason: Reason) -> String {
    json!({"type": "call.reject", "payload": {"callId": call, "reason": reason.as_str()}})
        .to_string()
}

/// Returns the message that ends `call`, with the client's duration if it has one.
pub fn end(call: &str, seconds: Option<u32>) -> String {
    let mut message = json!({"type": "call.end", "payload": {"callId": call}});
    if let Some(seconds) = seconds {
        message["payload"]["durationSeconds"] = json!(seconds);
    }
    message.to_string()
}

/// Returns the heartbeat message (contract section 4).
pub fn heartbeat() -> String {
    json!({"type": "heartbeat", "payload": {}}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_command_and_the_call_its_last_word() {
        let call = Some("call-1".to_owned());
        for (line, command) in [
            ("accept", Command::Accept(None)),
            ("  accept   call-1 ", Command::Accept(call.clone())),
            ("reject busy", Command::Reject(Reason::Busy, None)),
            (
                "reject unavailable call-1",
                Command::Reject(Reason::Unavailable, call.clone()),
            ),
            ("end", Command::End(None, None)),
            ("end 125", Command::End(Some(125), None)),
            ("end call-1", Command::End(None, call.clone())),
            ("end 125 call-1", Command::End(Some(125), call.clone())),
            ("heartbeat", Command::Heartbeat),
            ("{\"type\": 1} ", Command::Raw("{\"type\": 1}".to_owned())),
            ("quit", Command::Quit),
        ] {
            assert_eq!(Command::parse(line), Ok(Some(command)), "{line}");
        }
        assert_eq!(Command::parse("  "), Ok(None));
    }

    #[test]
    fn a_line_that_is_no_command_is_told_what_was_expected() {
        for (line, hint) in [
            ("acept", "help"),
            ("reject", "busy, declined or unavailable"),
            ("reject tired", "busy, declined or unavailable"),
            ("end soon call-1", "seconds"),
            ("accept a b", "help"),
        ] {
            let error = Command::parse(line).expect_err(line);
            assert!(error.contains(hint), "{line}: {error}");
        }
    }

    #[test]
    fn messages_are_those_of_the_specification() {
        assert_eq!(
            accept("c"),
            r#"{"payload":{"callId":"c"},"type":"call.accept"}"#
        );
        assert_eq!(
            reject("c", Reason::Busy),
            r#"{"payload":{"callId":"c","reason":"busy"},"type":"call.reject"}"#
        );
        assert_eq!(
            end("c", Some(125)),
            r#"{"payload":{"callId":"c","durationSeconds":125},"type":"call.end"}"#
        );
        assert_eq!(
            end("c", None),
            r#"{"payload":{"callId":"c"},"type":"call.end"}"#
        );
    }
}
