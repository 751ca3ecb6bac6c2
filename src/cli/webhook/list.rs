//! `chattrix webhook list`.

use chattrix::clock::{Clock, Timestamp};
use chattrix::webhook_model::delivery::Outcome;
use chattrix::webhook_model::message::State;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::Value;

use super::super::error::CliError;
use super::super::format;
use super::super::output::{self, Cell, Tint};
use super::super::source::Source;
use super::super::table::{self, Column, Wide, text, whole};

const ENDPOINTS: [Column; 5] = [
    whole("RECEIVER"),
    text("URL"),
    whole("SOURCE").extra(1),
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
    pub fn run(self, source: &dyn Source) -> Result<(), CliError> {
        if self.messages {
            return self.messages(source.webhook_messages(self.state, self.limit)?);
        }
        let endpoints = source.webhooks()?;
        if self.json {
            return Ok(output::json(&endpoints.into())?);
        }
        if endpoints.is_empty() {
            output::tell(
                "no endpoints; the settings webhook_url and webhooks name them, `chattrix webhook create` makes one",
            );
            return Ok(());
        }
        let now = Clock::System.now();
        let rows = endpoints.iter().map(|endpoint| row(endpoint, now));
        Ok(table::print(&ENDPOINTS, rows, self.wide)?)
    }

    fn messages(&self, sent: Vec<Value>) -> Result<(), CliError> {
        if self.json {
            return Ok(output::json(&sent.into())?);
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

fn row(endpoint: &Value, now: Timestamp) -> Vec<Cell> {
    let ago = |field: &str| ago(&endpoint[field], now);
    let (state, tint) = match word(&endpoint["state"]) {
        "paused" => {
            let (cause, since) = (word(&endpoint["pauseCause"]), ago("pausedAt"));
            (format!("paused ({cause}) {since}"), Tint::Bad)
        }
        "failing" => {
            let since = ago("failingSince");
            (format!("failing, first {since}"), Tint::Odd)
        }
        other => (other.to_owned(), Tint::Good),
    };
    let waiting = &endpoint["waiting"];
    let waiting = match ago("waitingSince").as_str() {
        "" => waiting.to_string(),
        oldest => format!("{waiting}, the oldest {oldest}"),
    };
    vec![
        endpoint["receiver"].to_string().into(),
        word(&endpoint["url"]).into(),
        word(&endpoint["source"]).into(),
        Cell::tinted(state, Some(tint)),
        waiting.into(),
    ]
}

fn message(sent: &Value, now: Timestamp) -> Vec<Cell> {
    let state = word(&sent["state"]);
    let tint = match state {
        "waiting" => Tint::Odd,
        "delivered" => Tint::Good,
        _ => Tint::Bad,
    };
    let attempts = sent["attempts"].as_array();
    let attempts = attempts.map(Vec::as_slice).unwrap_or_default();
    vec![
        word(&sent["id"]).into(),
        word(&sent["type"]).into(),
        sent["receiver"].to_string().into(),
        ago(&sent["at"], now).into(),
        Cell::tinted(state, Some(tint)),
        attempts.len().to_string().into(),
        attempts.last().map(outcome).unwrap_or_default().into(),
    ]
}

/// Returns the outcome of an attempt, as `webhook test` prints it.
fn outcome(attempt: &Value) -> String {
    let status = attempt["status"].as_u64();
    match status.and_then(|status| u16::try_from(status).ok()) {
        Some(status) => Outcome::of_status(status).to_string(),
        None => word(&attempt["failure"]).to_owned(),
    }
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Returns how long ago the instant `value` was; nothing if it is none.
fn ago(value: &Value, now: Timestamp) -> String {
    let at = Timestamp::parse(word(value));
    at.map(|at| format::ago(at, now)).unwrap_or_default()
}

/// The states by their words.
fn state_parser() -> impl TypedValueParser<Value = State> {
    PossibleValuesParser::new(State::ALL.map(State::as_str)).map(|word| {
        let meant = |state: &State| state.as_str() == word;
        let state = State::ALL.into_iter().find(meant);
        state.expect("clap lets only these words through")
    })
}
