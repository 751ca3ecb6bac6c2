//! `chattrix webhook list`.

use chattrix::clock::{Clock, Timestamp};
use chattrix::webhook_model::message::{Receiver, Sent, State, Tally};
use chattrix::wire::webhook;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::super::error::CliError;
use super::super::output::{self, Cell, Tint};
use super::super::table::{self, Column, Wide, text, whole};
use super::super::{GlobalArgs, format};

const ENDPOINTS: [Column; 4] = [
    whole("RECEIVER"),
    text("URL"),
    text("STATE"),
    text("WAITING"),
];

const MESSAGES: [Column; 7] = [
    whole("ID"),
    whole("TYPE").extra(2),
    whole("RECEIVER").extra(4),
    whole("HAPPENED").extra(3),
    whole("STATE"),
    whole("TRIED").extra(5),
    text("LAST RESULT").extra(1),
];

/// The arguments of `chattrix webhook list`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix webhook list\n  \
    chattrix webhook list --messages\n  \
    chattrix webhook list --messages --state waiting --limit 100 --json")]
pub struct List {
    /// List messages of the last two days, newest first
    #[arg(long)]
    messages: bool,
    /// Show only messages in this state
    #[arg(long, requires = "messages", value_parser = state_parser())]
    state: Option<State>,
    /// Show at most this many messages
    #[arg(long, value_name = "N", default_value_t = 20, requires = "messages",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    #[command(flatten)]
    wide: Wide,
    /// Print JSON: a list of endpoints or messages
    #[arg(long)]
    json: bool,
}

impl List {
    pub fn run(self, global: &GlobalArgs) -> Result<(), CliError> {
        let database = global.context()?.database_to_read()?;
        let read = database.read();
        if self.messages {
            return self.messages(&read.sent(self.state, self.limit)?);
        }
        let mut receivers = Vec::new();
        for receiver in read.receivers()? {
            let tally = read.tally(receiver.id)?;
            receivers.push((receiver, tally));
        }
        if self.json {
            let json = receivers
                .iter()
                .map(|(one, tally)| webhook::receiver(one, tally));
            return Ok(output::json(&json.collect())?);
        }
        if receivers.is_empty() {
            output::tell("no endpoints; the settings webhook_url and webhooks name them");
            return Ok(());
        }
        let now = Clock::System.now();
        let rows = receivers
            .iter()
            .map(|(receiver, tally)| row(receiver, tally, now));
        Ok(table::print(&ENDPOINTS, rows, self.wide)?)
    }

    fn messages(&self, sent: &[Sent]) -> Result<(), CliError> {
        if self.json {
            return Ok(output::json(&sent.iter().map(webhook::sent).collect())?);
        }
        if sent.is_empty() {
            output::tell("no messages");
            return Ok(());
        }
        let now = Clock::System.now();
        let rows = sent.iter().map(|one| message(one, now));
        Ok(table::print(&MESSAGES, rows, self.wide)?)
    }
}

fn row(receiver: &Receiver, tally: &Tally, now: Timestamp) -> Vec<Cell> {
    let (state, tint) = match (&receiver.pause, receiver.failing_since) {
        (Some(pause), _) => {
            let (cause, since) = (pause.cause.as_str(), format::ago(pause.at, now));
            (format!("paused ({cause}) {since}"), Tint::Bad)
        }
        (None, Some(since)) => {
            let since = format::ago(since, now);
            (format!("failing, first {since}"), Tint::Odd)
        }
        (None, None) => ("working".to_owned(), Tint::Good),
    };
    let oldest = tally.waiting_since.map(|since| format::ago(since, now));
    let oldest = oldest.map(|ago| format!(", the oldest {ago}"));
    vec![
        receiver.id.to_string().into(),
        receiver.shown_url().into(),
        Cell::tinted(state, Some(tint)),
        format!("{}{}", tally.waiting, oldest.unwrap_or_default()).into(),
    ]
}

fn message(sent: &Sent, now: Timestamp) -> Vec<Cell> {
    let tint = match sent.state {
        State::Waiting => Tint::Odd,
        State::Delivered => Tint::Good,
        State::GivenUp => Tint::Bad,
    };
    let last = sent.attempts.last().map(|last| last.outcome.to_string());
    vec![
        sent.id.to_string().into(),
        sent.topic.as_str().into(),
        sent.receiver.to_string().into(),
        format::ago(sent.at, now).into(),
        Cell::tinted(sent.state.as_str(), Some(tint)),
        sent.attempts.len().to_string().into(),
        last.unwrap_or_default().into(),
    ]
}

/// The states by their words.
fn state_parser() -> impl TypedValueParser<Value = State> {
    PossibleValuesParser::new(State::ALL.map(State::as_str)).map(|word| {
        let meant = |state: &State| state.as_str() == word;
        let state = State::ALL.into_iter().find(meant);
        state.expect("clap lets only these words through")
    })
}
